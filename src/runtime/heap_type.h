/* A line of a histogram: objects of one type, as a runtime names it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct heap_type {
    const char *name, *module; /* not NUL-terminated; module may be NULL */
    size_t name_size, module_size;
    uint64_t count, bytes;
};
