#include "capture/module.h"

#include "base/array.h"
#include "base/sorted.h"
#include "capture/module_source.h"
#include "elf/image.h"

#include <errno.h>
#include <string.h>

void module_list_release(struct module_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].path);
    free(list->items);
    *list = (struct module_list){0};
}

/* One pass over the mappings, in address order. */
struct walk {
    const struct map_list *maps;
    struct module_source source;
    bool identify;
    struct module_list list;
    const struct map *first; /* first mapping of the module that is being put together; NULL none */
    uint64_t load_end;       /* where its last segment ends, 0 unknown */
};

static void walk_release(struct walk *walk)
{
    module_source_release(&walk->source);
    module_list_release(&walk->list);
}

/* Devices have paths too, and anonymous shared memory: only what is opened tells. */
static bool of_file(const struct map *map)
{
    return map->inode != 0 && map->path[0] == '/';
}

static bool same_file(const struct map *one, const struct map *other)
{
    return one->device == other->device && one->inode == other->inode && strcmp(one->path, other->path) == 0;
}

/* Whether a mapping of the same file is part of the module. Linkers let segments share a page of the file, so
 * one of offset 0 may be: it then differs from the first in what it permits, and follows it without a gap.
 * Else the file was mapped once more. */
static bool continues(const struct walk *walk, const struct map *map)
{
    const struct module *module = &walk->list.items[walk->list.count - 1];

    if (!same_file(walk->first, map))
        return false;
    if (map->offset == 0 &&
        (map->permissions == walk->first->permissions || map->start != module->base + module->size))
        return false;
    return !walk->load_end || map->start < walk->load_end;
}

static void extend(struct walk *walk, uint64_t end)
{
    struct module *module = &walk->list.items[walk->list.count - 1];

    if (end > module->base + module->size)
        module->size = end - module->base;
}

/* .bss: memory of no file right behind the last mapping, as far as the last segment goes. */
static void extend_bss(struct walk *walk, const struct map *map)
{
    const struct module *module = &walk->list.items[walk->list.count - 1];
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), end = (walk->load_end + page - 1) / page * page;

    if (map->inode == 0 && map->path[0] != '[' && map->start == module->base + module->size &&
        map->start < walk->load_end)
        extend(walk, end < map->end ? end : map->end);
}

/* Where a file can't be read: one with a mapping that may be executed is taken for a module. */
static bool is_executed(const struct map_list *maps, size_t first)
{
    const struct map *base = &maps->items[first];

    for (size_t i = first; i < maps->count; i++) {
        const struct map *map = &maps->items[i];
        if (i > first && of_file(map) && map->offset == 0 &&
            (!same_file(map, base) || map->permissions == base->permissions))
            return false; /* another one begins here */
        if (same_file(map, base) && map->permissions & MAP_EXECUTE)
            return true;
    }
    return false;
}

static int module_begin(struct walk *walk, const struct map *map, const struct module_facts *facts,
                        bool replaced)
{
    struct module module = {.base = map->start, .size = map->end - map->start};
    int r = ARRAY_RESERVE(&walk->list, 1, LIMIT_MODULES);

    if (r < 0)
        return r;
    module.path = strdup(map->path);
    if (!module.path)
        return -ENOMEM;
    module.deleted = map->deleted || replaced;
    if (facts) {
        module.is_debug = facts->is_debug;
        memcpy(module.build_id, facts->build_id, facts->build_id_size);
        module.build_id_size = facts->build_id_size;
        memcpy(module.soname, facts->soname, strlen(facts->soname) + 1);
    }
    elf_version_of(module.soname, module.path, module.version, sizeof module.version);
    walk->list.items[walk->list.count++] = module;
    walk->first = map;
    if (!facts || __builtin_add_overflow(map->start, facts->load_size, &walk->load_end))
        walk->load_end = 0;
    return 0;
}

/* A mapping of offset 0 that continues nothing: a module, if it begins as an ELF file does. */
static int file_examine(struct walk *walk, size_t index)
{
    const struct map *map = &walk->maps->items[index];
    struct module_facts facts;
    bool replaced = false;
    int r = -ENODATA;

    if (walk->identify)
        r = module_facts_read(&walk->source, map, &facts, &replaced);
    if (r == -ENOMEM)
        return r;
    if (r == 0)
        return facts.is_elf ? module_begin(walk, map, &facts, replaced) : 0;
    return is_executed(walk->maps, index) ? module_begin(walk, map, NULL, replaced) : 0;
}

static int vdso_add(struct walk *walk, const struct map *map)
{
    struct module_facts facts;
    int r = walk->identify ? module_vdso_read(&walk->source, map, &facts) : -ENODATA;

    if (r == -ENOMEM)
        return r;
    r = module_begin(walk, map, r == 0 && facts.is_elf ? &facts : NULL, false);
    walk->first = NULL; /* it is one mapping */
    return r;
}

int modules_read(const struct pidref *process, const struct map_list *maps, bool identify,
                 struct module_list *ret_list)
{
    _cleanup_(walk_release) struct walk walk = {.maps = maps, .identify = identify, .source.root_fd = -1};
    int r = 0;

    if (identify)
        module_source_init(&walk.source, process);
    for (size_t i = 0; r == 0 && i < maps->count; i++) {
        const struct map *map = &maps->items[i];

        if (strcmp(map->path, "[vdso]") == 0)
            r = vdso_add(&walk, map);
        else if (!of_file(map) && walk.first)
            extend_bss(&walk, map);
        else if (!of_file(map))
            continue;
        else if (walk.first && continues(&walk, map))
            extend(&walk, map->end);
        else if (map->offset == 0)
            r = file_examine(&walk, i);
    }
    if (r == -ENOBUFS)
        r = 0; /* more modules than anyone has: those up to here */
    if (r < 0)
        return r;
    *ret_list = walk.list;
    walk.list = (struct module_list){0};
    return 0;
}

const struct module *modules_find(const struct module_list *list, uint64_t address)
{
    size_t begun = SORTED_UP_TO(list->items, list->count, base, address);
    const struct module *module = begun > 0 ? &list->items[begun - 1] : NULL;

    return module && address - module->base < module->size ? module : NULL;
}
