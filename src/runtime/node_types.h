/* Objects and bytes by type, counted while a heap snapshot of V8 (.heapsnapshot) streams past: nodes come
 * before the strings that name them, so what is kept is a count for each name, and then the names.
 *
 * Types are those by which Chromium's developer tools group: objects by the name of their constructor, what
 * V8 itself makes in brackets, "(string)", "(array)", "(closure)", "(compiled code)", "(system)".
 *
 * Form: v8 src/profiler/heap-snapshot-generator.cc (HeapSnapshotJSONSerializer). The fields of a node and the
 * kinds of nodes are named at its beginning. */
#pragma once

#include "base/cleanup.h"
#include "runtime/heap_type.h"

struct node_types;

int node_types_new(struct node_types **ret_types) _must_check_;
void node_types_free(struct node_types *types); /* accepts NULL */
static inline void node_types_freep(struct node_types **types)
{
    node_types_free(*types);
}
#define _cleanup_node_types_ _cleanup_(node_types_freep)

/* types: a struct node_types. -EBADMSG it is not of the form, -ENOMEM. */
int node_types_take(void *types, const char *bytes, size_t size) _must_check_;

/* Hands on each type, those that take most first, when all of it was taken. Beyond LIMIT_HEAP_TYPES of them
 * the rest is "(others)". -EBADMSG it was not whole, -ENOMEM, or what take returned. */
int node_types_finish(struct node_types *types, int (*take)(void *to, const struct heap_type *type),
                      void *to) _must_check_;
