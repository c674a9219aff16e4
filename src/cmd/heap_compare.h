/* Counts of a heap by type, as JSON of the operation heap, and what changed from one to another. They come
 * from files and from other machines, so nothing in them is believed before it was looked at. */
#pragma once

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>

struct heap_figures {
    int64_t count, bytes;
};

struct heap_change {
    const char *type, *module; /* borrowed from the JSON; module may be NULL */
    struct heap_figures before, now;
};

struct heap_comparison {
    const json_t *before_json, *now_json; /* borrowed */
    struct heap_change *items;
    size_t count, capacity;
    struct heap_figures before, now; /* in all */
};

void heap_comparison_release(struct heap_comparison *comparison);
#define _cleanup_heap_comparison_ _cleanup_(heap_comparison_release)

/* A file of JSON. -EINVAL with a sentence where it can't be read or is none, -EFBIG. */
int heap_file_read(const char *path, json_t **ret_json, struct error *error) _must_check_;

/* Takes the count that is the older one, then the newer one: both live as long as the comparison. name is for
 * what is said where it is none: -EINVAL, -EBADMSG. */
int heap_comparison_before(struct heap_comparison *comparison, const json_t *json, const char *name,
                           struct error *error) _must_check_;
int heap_comparison_now(struct heap_comparison *comparison, const json_t *json, const char *name,
                        struct error *error) _must_check_;

/* Once both are there: each type once, those that grew most first. Types of the same name whose modules
 * differ in folder and version (java.base@17, java.base@21) only are the same. */
void heap_comparison_finish(struct heap_comparison *comparison);

/* The `most` types that changed most, in either direction, in the same order, and nothing else. */
void heap_comparison_cut(struct heap_comparison *comparison, size_t most);

static inline int64_t heap_change_bytes(const struct heap_change *change)
{
    return change->now.bytes - change->before.bytes;
}

static inline int64_t heap_change_count(const struct heap_change *change)
{
    return change->now.count - change->before.count;
}

/* Whether the two are not quite of the same thing, and in how far. */
bool heap_comparison_caution(const struct heap_comparison *comparison, struct error *ret_caution);
