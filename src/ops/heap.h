/* What operations on a runtime's heap share. */
#pragma once

#include "capture/runtime.h"
#include "ops/operation.h"
#include "proc/maps.h"

/* A process with a runtime whose heap can be had. */
struct heap_target {
    struct pidref process;
    struct map_list maps;
    struct runtime runtime;
    bool live; /* only what can be reached is asked for */
};

#define HEAP_TARGET_INIT ((struct heap_target){.process = PIDREF_INIT})

void heap_target_release(struct heap_target *target);
#define _cleanup_heap_target_ _cleanup_(heap_target_release)

/* The process of the request, and its argument `live`. -EOPNOTSUPP with a sentence where its runtime is none
 * of those. */
int heap_target_open(const struct operation_context *context, const struct request *request,
                     struct heap_target *ret_target, struct error *error) _must_check_;
