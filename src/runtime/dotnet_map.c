#include "runtime/dotnet_map.h"

#include <errno.h>

struct dotnet_map_place {
    uint64_t key;
    uint32_t value; /* one more than it is; 0: nothing is here */
};

void dotnet_map_release(struct dotnet_map *map)
{
    if (!map)
        return;
    free(map->places);
    *map = (struct dotnet_map){0};
}

/* The place of the key, or the one where it belongs. */
static struct dotnet_map_place *place_of(const struct dotnet_map *map, uint64_t key)
{
    size_t mask = map->capacity - 1;
    uint64_t mixed = (key ^ key >> 32) * 0x9e3779b97f4a7c15;

    for (size_t i = (size_t)(mixed >> 32) & mask;; i = (i + 1) & mask)
        if (map->places[i].value == 0 || map->places[i].key == key)
            return &map->places[i];
}

bool dotnet_map_find(const struct dotnet_map *map, uint64_t key, uint32_t *ret_value)
{
    const struct dotnet_map_place *place = map->capacity ? place_of(map, key) : NULL;

    if (!place || place->value == 0)
        return false;
    *ret_value = place->value - 1;
    return true;
}

static int grow(struct dotnet_map *map)
{
    enum { CAPACITY_FIRST = 256 };
    struct dotnet_map grown = {.capacity = map->capacity ? 2 * map->capacity : CAPACITY_FIRST,
                               .count = map->count};

    grown.places = calloc(grown.capacity, sizeof *grown.places);
    if (!grown.places)
        return -ENOMEM;
    for (size_t i = 0; i < map->capacity; i++)
        if (map->places[i].value)
            *place_of(&grown, map->places[i].key) = map->places[i];
    free(map->places);
    *map = grown;
    return 0;
}

int dotnet_map_add(struct dotnet_map *map, uint64_t key, uint32_t value, size_t most)
{
    int r = map->count >= most ? -ENOBUFS : 0;

    if (r == 0 && map->count >= map->capacity / 4 * 3)
        r = grow(map);
    if (r < 0)
        return r;
    *place_of(map, key) = (struct dotnet_map_place){.key = key, .value = value + 1};
    map->count++;
    return 0;
}
