/* What fills a heap, as JSON. */
#pragma once

#include "base/json.h"
#include "capture/runtime.h"

struct view_heap {
    struct json *json;     /* borrowed; in an object */
    uint64_t count, bytes; /* so far */
    uint64_t pause_us;     /* of the program, for it; 0: not known */
};

void view_heap_begin(struct view_heap *view, const struct runtime *runtime, bool live);
/* module may be NULL. -ENOBUFS, -ENOMEM */
int view_heap_type(struct view_heap *view, const char *name, const char *module, size_t module_size,
                   uint64_t count, uint64_t bytes) _must_check_;
void view_heap_end(struct view_heap *view);
