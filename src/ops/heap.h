/* What operations on a runtime's heap share: the process, and what can be done with its runtime. A runtime is
 * a row of the table in heap.c, and has a file of its own, heap_NAME.c. */
#pragma once

#include "capture/runtime.h"
#include "ops/operation.h"
#include "proc/maps.h"
#include "view/heap.h"

/* A process with a runtime whose heap can be had. */
struct heap_target {
    struct pidref process;
    struct map_list maps;
    struct runtime runtime;
    const struct heap_runtime *how;
    bool live;         /* only what can be reached is asked for */
    size_t most_nodes; /* in the file, where it can be a sample; 0: all objects */
};

#define HEAP_TARGET_INIT ((struct heap_target){.process = PIDREF_INIT})

void heap_target_release(struct heap_target *target);
#define _cleanup_heap_target_ _cleanup_(heap_target_release)

/* Where the file goes. */
struct heap_output {
    int (*take)(void *to, const char *bytes, size_t size);
    void *to;
    /* Of the answer's head, which is sent before the first bytes: more may be said until then. */
    struct fields *extra;
    int64_t length; /* of the file; -1: not known */
};

struct heap_runtime {
    enum runtime_kind kind;
    const char *ending, *content_type; /* of the file, in the runtime's own form */
    const char *resource;              /* what it is in a .diagsession */
    bool has_all;                      /* objects that nothing reaches can be had, too: live=false */
    bool holds;                        /* the program stands still until the file's last byte */
    bool samples;                      /* the file can have fewer objects than the heap */
    /* What the head alone says of it, without a dump; NULL: nothing more. */
    int (*look)(const struct heap_target *target, struct fields *extra, struct error *error);
    /* Hands on each type, and sets view->pause_us where it is known. */
    int (*count)(const struct operation_context *context, const struct heap_target *target,
                 struct view_heap *view, struct error *error);
    int (*dump)(const struct operation_context *context, const struct heap_target *target,
                struct heap_output *output, struct error *error);
};

extern const struct heap_runtime heap_dotnet, heap_java, heap_node;

/* The process of the request. rather: what is meant where it has several runtimes, and tried where it has
 * none of those; NULL: that is -EOPNOTSUPP with a sentence. */
int heap_target_open(const struct operation_context *context, const struct request *request,
                     const struct heap_runtime *rather, struct heap_target *ret_target,
                     struct error *error) _must_check_;

/* The argument `live`. -EINVAL where it asks for what this runtime doesn't tell. */
int heap_target_read_live(struct heap_target *target, const struct request *request,
                          struct error *error) _must_check_;
