/* /proc/PID/maps: paths are bytes of the target's choice, and a torn read can put anything anywhere. */
#include "proc/maps.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_map(const struct map_list *list, size_t i)
{
    const struct map *map = &list->items[i];
    const char *text = list->paths.data;

    if (map->start >= map->end || (i > 0 && map->start < list->items[i - 1].end))
        __builtin_trap();
    if (map->path[0] && (map->path < text || map->path + strlen(map->path) > text + list->paths.size))
        __builtin_trap();
    if (maps_find(list, map->start) != map || maps_find(list, map->end - 1) != map)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_map_list_ struct map_list list = {0};

    if (maps_parse((const char *)data, size, &list) < 0)
        return 0;
    for (size_t i = 0; i < list.count; i++)
        check_map(&list, i);
    return 0;
}
