/* Objects and bytes by type, out of a heap that was told. */
#pragma once

#include "runtime/dotnet_heap.h"
#include "runtime/heap_type.h"

/* Hands on each type that has objects, those that take most first. heap: finished. -ENOMEM, or what take
 * said. */
int dotnet_histogram(const struct dotnet_heap *heap, int (*take)(void *to, const struct heap_type *type),
                     void *to) _must_check_;
