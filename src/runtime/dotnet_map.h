/* From 64 bits to a number, for what a runtime names by its own addresses. */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dotnet_map {
    struct dotnet_map_place *places; /* open addressing; a power of two, at most three quarters taken */
    size_t count, capacity;
};

void dotnet_map_release(struct dotnet_map *map);

bool dotnet_map_find(const struct dotnet_map *map, uint64_t key, uint32_t *ret_value);
/* For a key that is not there. value < UINT32_MAX. -ENOMEM, -ENOBUFS past most keys. */
int dotnet_map_add(struct dotnet_map *map, uint64_t key, uint32_t value, size_t most) _must_check_;
