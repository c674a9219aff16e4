#include "profile/naming.h"

#include "base/array.h"
#include "base/clock.h"
#include "capture/code_memory.h"
#include "proc/living.h"
#include "profile/kernel_names.h"
#include "profile/stale.h"

#include <errno.h>
#include <string.h>

/* Of all time, a fiftieth is for renewals; at first, and after a rest, a second at once. */
enum { CREDIT_PART = 50, CREDIT_MOST = 1000 * 1000 * 1000 };

struct named {
    uint64_t address;
    bool is_return, kernel;
    uint8_t count;
    uint32_t first; /* in frames */
};

/* What is mapped. In a place of its own, since the images point to the rest. */
struct files {
    struct pidref living; /* living.h */
    struct map_list maps;
    struct module_list modules;
    uint32_t *of_module; /* number in the profile, by module; 0: not asked for yet */
    struct memory *code;
    struct images *images;
};

struct naming {
    const struct pidref *process;
    struct profile *profile;
    struct stale stale;
    struct credit {
        int64_t left;     /* time that renewals may take; ns */
        uint64_t from_ns; /* when that was so; CLOCK_MONOTONIC */
    } credit;
    uint64_t read_ns;     /* when what is known began to be read; likewise */
    uint32_t stale_frame; /* what stands for an address of which nothing is known ... */
    bool has_stale_frame; /* ... if it was needed */
    struct files *files;
    struct kernel_names *kernel;
    uint32_t kernel_module; /* 0: not asked for yet */
    struct {
        struct named *items;
        size_t count, capacity;
    } known;
    struct {
        uint32_t *items;
        size_t count, capacity;
    } frames;
    struct index index; /* of known */
};

static void files_free(struct files *files)
{
    if (!files)
        return;
    images_free(files->images);
    memory_free(files->code);
    living_close(&files->living);
    module_list_release(&files->modules);
    map_list_release(&files->maps);
    free(files->of_module);
    free(files);
}

static void cleanup_files(struct files **files)
{
    files_free(*files);
}

void naming_free(struct naming *naming)
{
    if (!naming)
        return;
    files_free(naming->files);
    kernel_names_free(naming->kernel);
    free(naming->known.items);
    free(naming->frames.items);
    index_release(&naming->index);
    free(naming);
}

static int files_read(const struct pidref *process, struct files **ret_files)
{
    _cleanup_(cleanup_files) struct files *files = calloc(1, sizeof *files);
    int r;

    if (!files)
        return -ENOMEM;
    files->living = PIDREF_INIT;
    r = living_open(process, &files->living);
    process = &files->living;
    if (r == 0)
        r = maps_read(process->dir_fd, &files->maps, NULL);
    if (r == 0)
        r = modules_read(process, &files->maps, true, &files->modules);
    if (r == 0)
        r = code_memory_new(process, &files->maps, &files->code);
    if (r == 0)
        r = images_new(&files->maps, &files->modules, process, files->code, &files->images);
    if (r < 0)
        return r;
    files->of_module = calloc(files->modules.count + 1, sizeof files->of_module[0]);
    if (!files->of_module)
        return -ENOMEM;
    *ret_files = TAKE_PTR(files);
    return 0;
}

static bool may_renew(struct credit *credit)
{
    uint64_t now_ns = clock_monotonic_ns();
    int64_t more = (int64_t)((now_ns - credit->from_ns) / CREDIT_PART);

    credit->from_ns = now_ns;
    credit->left = more > CREDIT_MOST - credit->left ? CREDIT_MOST : credit->left + more;
    return credit->left > 0;
}

bool naming_is_stale(const struct naming *naming, uint64_t address)
{
    return stale_has(&naming->stale, address);
}

static int files_renew(struct naming *naming, struct files **ret_files)
{
    uint64_t began_ns = clock_thread_ns();
    int r;

    naming->read_ns = clock_monotonic_ns();
    r = files_read(naming->process, ret_files);
    naming->credit.left -= (int64_t)(clock_thread_ns() - began_ns);
    return r;
}

/* A process with 20,000 mappings can make a new one more often than they can be read. Where reading fails, as
 * of a process that has ended, what is known stays. */
bool naming_renew(struct naming *naming)
{
    struct files *fresh;

    if (!may_renew(&naming->credit))
        return false;
    naming->stale.count = 0;
    if (files_renew(naming, &fresh) < 0)
        return true;
    files_free(naming->files);
    naming->files = fresh;
    /* what was at an address may be elsewhere now; the frames that were counted stay */
    naming->known.count = naming->frames.count = 0;
    index_release(&naming->index);
    return true;
}

int naming_new(const struct pidref *process, struct profile *profile, struct naming **ret_naming)
{
    _cleanup_naming_ struct naming *naming = calloc(1, sizeof *naming);
    int r;

    if (!naming)
        return -ENOMEM;
    naming->process = process;
    naming->profile = profile;
    naming->credit = (struct credit){CREDIT_MOST, clock_monotonic_ns()};
    r = files_renew(naming, &naming->files);
    if (r < 0)
        return r;
    naming->kernel = kernel_names_read();
    *ret_naming = TAKE_PTR(naming);
    return 0;
}

/* What was mapped before that was read already: samples come a tenth of a second late. */
void naming_forget(struct naming *naming, uint64_t start, uint64_t size, uint64_t at_ns)
{
    uint64_t end;

    if (at_ns >= naming->read_ns)
        stale_add(&naming->stale, start, __builtin_add_overflow(start, size, &end) ? UINT64_MAX : end);
}

void naming_forget_all(struct naming *naming, uint64_t at_ns)
{
    naming_forget(naming, 0, UINT64_MAX, at_ns);
}

static bool same_code(const struct map *one, const struct map *other)
{
    return one->end == other->end && one->offset == other->offset && one->inode == other->inode &&
           one->device == other->device && one->permissions == other->permissions;
}

/* Only code: data comes and goes all the time. */
static void forget_code(struct naming *naming, const struct map *map)
{
    if (map->permissions & MAP_EXECUTE)
        stale_add(&naming->stale, map->start, map->end);
}

void naming_compare(struct naming *naming, const struct map_list *maps)
{
    const struct map_list *known = &naming->files->maps;
    size_t i = 0, j = 0;

    while (i < maps->count || j < known->count) {
        const struct map *now = i < maps->count ? &maps->items[i] : NULL;
        const struct map *then = j < known->count ? &known->items[j] : NULL;
        bool is_now = now && (!then || now->start <= then->start);
        bool was_then = then && (!now || then->start <= now->start);

        i += is_now;
        j += was_then;
        if (is_now && was_then && same_code(now, then))
            continue;
        if (is_now)
            forget_code(naming, now);
        if (was_then)
            forget_code(naming, then);
    }
}

size_t naming_given_up(const struct naming *naming)
{
    return images_given_up(naming->files->images, NULL, 0);
}

struct images *naming_images(struct naming *naming)
{
    return naming->files->images;
}

const struct map_list *naming_maps(struct naming *naming)
{
    return &naming->files->maps;
}

const struct memory *naming_code(struct naming *naming)
{
    return naming->files->code;
}

static bool is_named(const void *owner, uint32_t number, const void *key)
{
    const struct named *one = &((const struct naming *)owner)->known.items[number], *other = key;

    return one->address == other->address && one->is_return == other->is_return &&
           one->kernel == other->kernel;
}

static uint64_t hash_of(const struct named *named)
{
    return hash_mix(named->address, (unsigned)named->is_return | (unsigned)named->kernel << 1);
}

static uint64_t hash_named(const void *owner, uint32_t number)
{
    return hash_of(&((const struct naming *)owner)->known.items[number]);
}

static const struct index_kind kind = {is_named, hash_named};

static bool look_up(const struct naming *naming, const struct named *key, uint32_t *frames, size_t *ret_count)
{
    const struct named *named;
    uint32_t number;

    if (!index_find(&naming->index, &kind, naming, hash_of(key), key, &number))
        return false;
    named = &naming->known.items[number];
    memcpy(frames, naming->frames.items + named->first, named->count * sizeof frames[0]);
    *ret_count = named->count;
    return true;
}

/* Past the bound an address is looked up each time that it is seen. */
static int remember(struct naming *naming, const struct named *key, const uint32_t *frames, size_t count)
{
    struct named *named;
    int r = ARRAY_RESERVE(&naming->known, 1, LIMIT_PROFILE_NAMED);

    if (r == 0)
        r = ARRAY_RESERVE(&naming->frames, count, LIMIT_PROFILE_NAMED * 2);
    if (r < 0)
        return r == -ENOBUFS ? 0 : r;
    named = &naming->known.items[naming->known.count];
    *named = *key;
    named->count = (uint8_t)count;
    named->first = (uint32_t)naming->frames.count;
    memcpy(naming->frames.items + naming->frames.count, frames, count * sizeof frames[0]);
    naming->frames.count += count;
    naming->known.count++;
    return index_add(&naming->index, &kind, naming, hash_of(key), (uint32_t)(naming->known.count - 1));
}

static int add_module(struct naming *naming, const struct module *module, uint64_t address,
                      uint64_t file_address, uint32_t *ret_module)
{
    static const char digits[] = "0123456789abcdef";
    uint32_t *known = &naming->files->of_module[module - naming->files->modules.items];
    char build_id[2 * LIMIT_BUILD_ID + 1] = "";
    struct profile_module_facts facts = {.path = module->path,
                                         .build_id = build_id,
                                         .start = module->base,
                                         .end = module->base + module->size,
                                         .linked = file_address - (address - module->base)};
    int r;

    for (size_t i = 0; i < module->build_id_size; i++) {
        build_id[2 * i] = digits[module->build_id[i] >> 4];
        build_id[2 * i + 1] = digits[module->build_id[i] & 15];
    }
    r = *known ? 0 : profile_add_module(naming->profile, &facts, known);
    *ret_module = *known;
    return r;
}

static int name_user(struct naming *naming, uint64_t address, bool is_return, uint32_t *frames,
                     size_t *ret_count)
{
    struct image_place places[NAMING_MOST];
    struct image *image = NULL;
    uint64_t file_address = 0, at = address - (is_return ? 1 : 0);
    const struct module *module = images_find(naming->files->images, at, &image, &file_address);
    size_t count = image ? image_places(image, file_address, true, places, NAMING_MOST) : 0;
    uint32_t in_profile = MODULE_NONE;
    int r = module ? add_module(naming, module, at, file_address, &in_profile) : 0;

    if (count == 0)
        places[count++] = (struct image_place){0};
    if (!module)
        (void)images_find_made(naming->files->images, at, &places[0]); /* or no name */
    for (size_t i = 0; i < count && r == 0; i++) {
        const struct profile_frame_facts facts = {.function = places[i].function,
                                                  .file = places[i].file,
                                                  .line = places[i].line,
                                                  .inlined = places[i].inlined,
                                                  .address = at,
                                                  .module = in_profile};

        r = profile_intern_frame(naming->profile, &facts, &frames[i]);
    }
    *ret_count = count;
    return r;
}

static int name_stale(struct naming *naming, uint32_t *frames, size_t *ret_count)
{
    static const struct profile_frame_facts facts = {.function = "[newly mapped]"};
    int r = naming->has_stale_frame ? 0 : profile_intern_frame(naming->profile, &facts, &naming->stale_frame);

    naming->has_stale_frame = r == 0;
    frames[0] = naming->stale_frame;
    *ret_count = 1;
    return r;
}

int naming_user(struct naming *naming, uint64_t address, bool is_return, uint32_t frames[NAMING_MOST],
                size_t *ret_count)
{
    const struct named key = {.address = address, .is_return = is_return};
    int r;

    if (naming_is_stale(naming, address - is_return) && !naming_renew(naming))
        return name_stale(naming, frames, ret_count);
    if (look_up(naming, &key, frames, ret_count))
        return 0;
    r = name_user(naming, address, is_return, frames, ret_count);
    return r < 0 ? r : remember(naming, &key, frames, *ret_count);
}

static int prepare_kernel(struct naming *naming)
{
    const struct profile_module_facts facts = {.path = "[kernel]"};

    if (naming->kernel_module != 0)
        return 0;
    return profile_add_module(naming->profile, &facts, &naming->kernel_module);
}

int naming_kernel(struct naming *naming, uint64_t address, bool is_return, uint32_t *ret_frame)
{
    const struct named key = {.address = address, .is_return = is_return, .kernel = true};
    struct profile_frame_facts facts = {.address = address - (is_return ? 1 : 0), .kernel = true};
    size_t count;
    int r;

    if (look_up(naming, &key, ret_frame, &count))
        return 0;
    r = prepare_kernel(naming);
    if (r < 0)
        return r;
    facts.module = naming->kernel_module;
    if (naming->kernel)
        (void)kernel_names_find(naming->kernel, facts.address, &facts.function); /* or none */
    r = profile_intern_frame(naming->profile, &facts, ret_frame);
    return r < 0 ? r : remember(naming, &key, ret_frame, 1);
}
