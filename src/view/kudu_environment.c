#include "view/kudu_member.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct variables {
    struct variable {
        struct environ_entry entry;
        bool is_repeated;
    } * items;
    size_t count, capacity;
};

/* Whether name holds part, without regard to (ASCII) case. name ends at its size, not at a NUL. */
static bool name_holds(const char *name, size_t size, const char *part)
{
    size_t part_size = strlen(part);

    for (size_t i = 0; i + part_size <= size; i++)
        if (strncasecmp(name + i, part, part_size) == 0)
            return true;
    return false;
}

static int collect(const struct buffer *block, const char *filter, const struct mask *mask,
                   struct variables *variables)
{
    bool all = strcasecmp(filter, "all") == 0;
    struct environ_entry entry;
    size_t cursor = 0;

    while (environ_next(block, &cursor, &entry)) {
        if ((!all && !name_holds(entry.name, entry.name_size, filter)) ||
            mask_leaves_out(mask, entry.name, entry.name_size))
            continue;
        int r = ARRAY_RESERVE(variables, 1, LIMIT_ENVIRON);
        if (r < 0)
            return r;
        variables->items[variables->count++] = (struct variable){.entry = entry};
    }
    return 0;
}

static int by_name(const void *left, const void *right)
{
    const struct variable *a = *(const struct variable *const *)left,
                          *b = *(const struct variable *const *)right;
    size_t size = a->entry.name_size < b->entry.name_size ? a->entry.name_size : b->entry.name_size;
    int order = memcmp(a->entry.name, b->entry.name, size);

    if (order == 0)
        order = (a->entry.name_size > b->entry.name_size) - (a->entry.name_size < b->entry.name_size);
    return order != 0 ? order : (a > b) - (a < b);
}

/* An object must not name a member twice. Of a variable that is set twice getenv() sees the first. */
static int mark_repeated(struct variables *variables)
{
    _cleanup_free_ struct variable **sorted = calloc(variables->count, sizeof *sorted);

    if (!sorted)
        return -ENOMEM;
    for (size_t i = 0; i < variables->count; i++)
        sorted[i] = &variables->items[i];
    qsort(sorted, variables->count, sizeof *sorted, by_name);
    for (size_t i = 1; i < variables->count; i++) {
        const struct environ_entry *before = &sorted[i - 1]->entry, *entry = &sorted[i]->entry;
        sorted[i]->is_repeated =
            before->name_size == entry->name_size && memcmp(before->name, entry->name, entry->name_size) == 0;
    }
    return 0;
}

static void write_value(struct json *json, const struct environ_entry *entry, const struct mask *mask)
{
    _cleanup_buffer_ struct buffer shown = {0};
    int r;

    if (mask_is_secret(mask, entry->name, entry->name_size)) {
        json_text(json, MASK_TEXT);
        return;
    }
    r = mask_append(mask, entry->value, entry->value_size, &shown);
    if (r < 0 && json->error == 0)
        json->error = r;
    json_bytes(json, buffer_string(&shown), shown.size);
}

void kudu_environment(struct json *json, const struct kudu_style *style, const struct buffer *block,
                      const char *filter)
{
    struct variables variables = {0};
    int r = collect(block, filter, &style->mask, &variables);

    if (r == 0 && variables.count > 1)
        r = mark_repeated(&variables);
    if (r < 0 && json->error == 0)
        json->error = r;
    arm_object_begin(json, &style->arm, filter);
    for (size_t i = 0; i < variables.count; i++) {
        const struct variable *variable = &variables.items[i];
        if (variable->is_repeated)
            continue;
        json_key_bytes(json, variable->entry.name, variable->entry.name_size);
        write_value(json, &variable->entry, &style->mask);
    }
    arm_object_end(json, &style->arm);
    free(variables.items);
}
