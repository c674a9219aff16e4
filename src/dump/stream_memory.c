/* The streams that list memory. */
#include "dump/layout.h"

int stream_memory_list(struct minidump *minidump, size_t *ret_rva, size_t *ret_size)
{
    uint32_t count = (uint32_t)minidump->stacks.run_count;
    size_t first;
    int r = layout_append(minidump, &count, sizeof count, 4, ret_rva);

    if (r == 0)
        r = layout_append(minidump, NULL, minidump->stacks.run_count * sizeof(struct md_memory), 1, &first);
    for (size_t i = 0; r == 0 && i < minidump->stacks.run_count; i++) {
        const struct stack_run *run = &minidump->stacks.runs[i];

        ((struct md_memory *)layout_at(minidump, first))[i] =
            (struct md_memory){.start = run->start, .location.size = (uint32_t)(run->end - run->start)};
    }
    minidump->memory_list_rva = *ret_rva;
    *ret_size = sizeof count + minidump->stacks.run_count * sizeof(struct md_memory);
    return r;
}

int stream_memory64_list(struct minidump *minidump, size_t *ret_rva, size_t *ret_size)
{
    const struct range_list *regions = &minidump->regions;
    struct md_memory64_head head = {.count = regions->count};
    size_t first;
    int r = layout_append(minidump, &head, sizeof head, 8, ret_rva);

    if (r == 0)
        r = layout_append(minidump, NULL, regions->count * sizeof(struct md_memory64), 1, &first);
    for (size_t i = 0; r == 0 && i < regions->count; i++) {
        const struct range *range = &regions->items[i];

        ((struct md_memory64 *)layout_at(minidump, first))[i] =
            (struct md_memory64){.start = range->start, .size = range->end - range->start};
    }
    minidump->memory64_list_rva = *ret_rva;
    *ret_size = sizeof head + regions->count * sizeof(struct md_memory64);
    return r;
}

static uint32_t protection_of(const struct map *map)
{
    bool copied = !(map->permissions & MAP_IS_SHARED) && map->inode != 0;

    switch (map->permissions & (MAP_READ | MAP_WRITE | MAP_EXECUTE)) {
    case 0:
        return MD_PAGE_NO_ACCESS;
    case MAP_READ:
        return MD_PAGE_READ_ONLY;
    case MAP_WRITE:
    case MAP_READ | MAP_WRITE:
        return copied ? MD_PAGE_WRITE_COPY : MD_PAGE_READ_WRITE;
    case MAP_EXECUTE:
        return MD_PAGE_EXECUTE;
    case MAP_READ | MAP_EXECUTE:
        return MD_PAGE_EXECUTE_READ;
    default:
        return copied ? MD_PAGE_EXECUTE_WRITE_COPY : MD_PAGE_EXECUTE_READ_WRITE;
    }
}

/* The module that holds address; cursor moves along the list, since addresses come in order too. */
static const struct module *module_at(const struct module_list *modules, size_t *cursor, uint64_t address)
{
    for (; *cursor < modules->count; ++*cursor) {
        const struct module *module = &modules->items[*cursor];

        if (address < module->base)
            return NULL;
        if (address - module->base < module->size)
            return module;
    }
    return NULL;
}

int stream_memory_info(struct minidump *minidump, size_t *ret_rva, size_t *ret_size)
{
    const struct map_list *maps = &minidump->capture->maps;
    struct md_memory_info_head head = {
        .head_size = sizeof head, .entry_size = sizeof(struct md_memory_info), .count = maps->count};
    size_t cursor = 0;
    int r = layout_append(minidump, &head, sizeof head, 8, ret_rva);

    for (size_t i = 0; r == 0 && i < maps->count; i++) {
        const struct map *map = &maps->items[i];
        const struct module *module = module_at(&minidump->capture->modules, &cursor, map->start);
        bool of_file = map->permissions & MAP_IS_SHARED || map->inode != 0;
        struct md_memory_info info = {
            .base = map->start,
            .allocation_base = module ? module->base : map->start,
            .allocation_protection = protection_of(map),
            .size = map->end - map->start,
            .state = MD_MEMORY_COMMIT,
            .protection = protection_of(map),
            .type = module    ? MD_MEMORY_IMAGE
                    : of_file ? MD_MEMORY_MAPPED
                              : MD_MEMORY_PRIVATE,
        };
        size_t ignored;

        r = layout_append(minidump, &info, sizeof info, 1, &ignored);
    }
    *ret_size = sizeof head + maps->count * sizeof(struct md_memory_info);
    return r;
}
