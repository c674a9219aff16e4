/* The heap of Node.js as V8 writes it itself (.heapsnapshot): what can be reached, after a collection. The
 * program is asked over its inspector, which is opened and closed for it, and stands still until all is
 * written (docs/HEAP.md). */
#pragma once

#include "proc/pidref.h"
#include "runtime/heap_type.h"

struct node_heap_wish {
    uint64_t patience_ms; /* for the program to get round to it */
    uint64_t walk_ms;     /* for V8, from then until the first bytes come */
};

/* Hands on the snapshot as it is written, without a file. Where take fails, or we are ended, Node gives up
 * writing and runs on. Errors, with a sentence each: -EBUSY it can't be asked now, -ETIMEDOUT it did not get
 * round to it, -EACCES, -EPERM not ours to ask, -EREMOTEIO it has not written all, -ESRCH, ... */
int node_heap_dump(const struct pidref *process, const struct node_heap_wish *wish,
                   int (*take)(void *to, const char *bytes, size_t size), void *to,
                   struct error *error) _must_check_;

/* Hands on each type, those that take most first. */
int node_heap_types(const struct pidref *process, const struct node_heap_wish *wish,
                    int (*take)(void *to, const struct heap_type *type), void *to,
                    struct error *error) _must_check_;
