#include "capture/core_modules.h"

#include "base/array.h"
#include "base/sorted.h"
#include "elf/image.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

enum { HEAD = 2, ENTRY = 3 }; /* words */

static uint64_t word(const uint8_t *note, size_t index)
{
    uint64_t value;

    memcpy(&value, note + index * sizeof value, sizeof value);
    return value;
}

/* The first that ends behind address; count: none. */
static size_t first_behind(const struct map_list *maps, uint64_t address)
{
    return SORTED_UP_TO(maps->items, maps->count, end, address);
}

int core_files_read(struct capture *capture, const uint8_t *note, size_t size)
{
    struct map_list *maps = &capture->maps;
    uint64_t count = size >= HEAD * sizeof count ? word(note, 0) : 0, page = count ? word(note, 1) : 0;
    uint64_t done = 0;
    size_t names = 0;
    int r;

    if (count == 0 || count > (size / sizeof count - HEAD) / ENTRY)
        return 0;
    names = (HEAD + ENTRY * (size_t)count) * sizeof count;
    r = buffer_append(&maps->paths, note + names, size - names);
    if (r == 0)
        r = buffer_append(&maps->paths, "", 1); /* whatever the last name is, it ends */
    if (r < 0)
        return r;
    /* In the order of their addresses and apart from each other, as all who write cores have them: else each
     * of millions of lines could be for a million segments. */
    for (size_t i = 0, at = 0; i < count && at < maps->paths.size; i++) {
        const char *path = maps->paths.data + at;
        uint64_t start = word(note, HEAD + ENTRY * i), end = word(note, HEAD + ENTRY * i + 1);
        uint64_t offset = word(note, HEAD + ENTRY * i + 2) * page;

        size_t length = strlen(path);

        at += length + 1;
        if (start < done || length >= PATH_MAX)
            continue;
        done = end > start ? end : start;
        for (size_t m = first_behind(maps, start); m < maps->count && maps->items[m].start < end; m++) {
            if (maps->items[m].start < start)
                continue;
            maps->items[m].path = path;
            maps->items[m].offset = offset + (maps->items[m].start - start);
        }
    }
    return 0;
}

static int add_module(struct capture *capture, const struct memory *memory, const struct map *map,
                      const char *path)
{
    _cleanup_elf_image_ struct elf_image image = {0};
    struct module *module;
    int r = ARRAY_RESERVE(&capture->modules, 1, LIMIT_MODULES);

    if (r < 0)
        return r;
    module = &capture->modules.items[capture->modules.count];
    *module = (struct module){.base = map->start, .size = map->end - map->start, .path = strdup(path)};
    if (!module->path)
        return -ENOMEM;
    capture->modules.count++;
    if (elf_image_read(memory, map->start, true, &image) < 0)
        return 0; /* its first page isn't in the core */
    memcpy(module->build_id, image.build_id, image.build_id_size);
    module->build_id_size = image.build_id_size;
    (void)snprintf(module->soname, sizeof module->soname, "%s", image.soname); /* both have the same size */
    elf_version_of(image.soname, path, module->version, sizeof module->version);
    return 0;
}

int core_modules_find(struct capture *capture, const struct memory *memory)
{
    uint64_t vdso = capture_auxv(capture, AT_SYSINFO_EHDR);
    int r = 0;

    for (size_t i = 0; i < capture->maps.count && r == 0; i++) {
        const struct map *map = &capture->maps.items[i];
        struct module *last =
            capture->modules.count ? &capture->modules.items[capture->modules.count - 1] : NULL;

        if (map->start == vdso && vdso != 0)
            r = add_module(capture, memory, map, "[vdso]");
        else if (!map->path[0])
            continue;
        else if (map->offset == 0 &&
                 !(last && strcmp(last->path, map->path) == 0 && last->base + last->size == map->start))
            r = add_module(capture, memory, map, map->path);
        else if (last && strcmp(last->path, map->path) == 0)
            last->size = map->end - last->base;
    }
    return r;
}
