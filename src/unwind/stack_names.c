#include "unwind/stack_names.h"

#include "base/array.h"
#include "base/limits.h"

#include <errno.h>

enum { FIRST_CAPACITY = 1024 };

void stack_names_release(struct stack_names *names)
{
    free(names->table);
    free(names->frames.items);
    *names = (struct stack_names){0};
}

/* Where the address is in the table, or belongs. There is always an empty place. */
static struct named *place_of(struct named *table, size_t capacity, uint64_t address, bool is_return)
{
    size_t at = (address * 0x9e3779b97f4a7c15u + is_return) >> 32; /* 2^64 over the golden ratio */

    for (;; at++) {
        struct named *named = &table[at & (capacity - 1)];

        if (named->count == 0 || (named->address == address && named->is_return == is_return))
            return named;
    }
}

/* A quarter stays empty, so that searches are short. */
static int make_room(struct stack_names *names)
{
    size_t capacity = names->capacity ? names->capacity * 2 : FIRST_CAPACITY;
    struct named *table;

    if (names->count < names->capacity / 4 * 3)
        return 0;
    table = calloc(capacity, sizeof table[0]);
    if (!table)
        return -ENOMEM;
    for (size_t i = 0; i < names->capacity; i++)
        if (names->table[i].count > 0)
            *place_of(table, capacity, names->table[i].address, names->table[i].is_return) = names->table[i];
    free(names->table);
    names->table = table;
    names->capacity = capacity;
    return 0;
}

static const char *keep(struct stack_names *names, const char *text)
{
    return text ? string_pool_add(names->strings, text) : NULL;
}

/* Behind frames.count, where there is room for LIMIT_INLINED of them. Returns how many. */
static size_t look_up(struct stack_names *names, const struct walked_frame *walked)
{
    struct image_place places[LIMIT_INLINED];
    struct frame *frames = names->frames.items + names->frames.count;
    struct image *image = NULL;
    uint64_t file_address = 0;
    const struct module *module =
        images_find(names->images, walked->address - walked->is_return, &image, &file_address);
    size_t count = image ? image_places(image, file_address, names->lines, places, LIMIT_INLINED) : 0;

    places[0] = count ? places[0] : (struct image_place){0};
    if (!module && images_find_made(names->images, walked->address - walked->is_return, &places[0])) {
        count = 1;
        places[0].file = names->lines ? places[0].file : NULL;
        places[0].line = names->lines ? places[0].line : 0;
    }

    frames[0] = (struct frame){.address = walked->address, .module = module};
    for (size_t i = 0; i < count; i++)
        frames[i] = (struct frame){.address = walked->address,
                                   .module = module,
                                   .function = keep(names, places[i].function),
                                   .offset = places[i].offset + walked->is_return,
                                   .file = keep(names, places[i].file),
                                   .line = places[i].line,
                                   .inlined = places[i].inlined && i + 1 < count};
    return count ? count : 1;
}

int stack_names_get(struct stack_names *names, const struct walked_frame *walked,
                    const struct frame **ret_frames, size_t *ret_count)
{
    struct named *named;
    int r = make_room(names);

    if (r < 0)
        return r;
    named = place_of(names->table, names->capacity, walked->address, walked->is_return);
    if (named->count == 0) {
        r = ARRAY_RESERVE(&names->frames, LIMIT_INLINED, LIMIT_FRAMES_ALL);
        if (r < 0)
            return r;
        *named = (struct named){.address = walked->address,
                                .is_return = walked->is_return,
                                .first = (uint32_t)names->frames.count,
                                .count = (uint16_t)look_up(names, walked)};
        names->frames.count += named->count;
        names->count++;
    }
    *ret_frames = names->frames.items + named->first;
    *ret_count = named->count;
    return 0;
}
