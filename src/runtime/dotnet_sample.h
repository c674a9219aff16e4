/* Some objects of a heap that stand for all of them: of each type about as many in a hundred, all that are
 * very large, and what leads from the root to each. What a reader counts is to be multiplied by a factor, by
 * type, as PerfView's own samples have it: bytes are then those of the whole heap, and so are counts where
 * all objects of a type have one size. The same heap gives the same sample.
 *
 * Form of the factors: microsoft/perfview src/HeapDump/GCHeapDump.cs. */
#pragma once

#include "runtime/dotnet_file_types.h"

struct dotnet_sample {
    uint64_t *chosen; /* a bit each: objects, then groups */
    uint32_t *ranks;  /* how many are chosen before each 64 of them */
    size_t count;     /* that are chosen */
    size_t objects;   /* among them */
    uint64_t size;    /* bytes of these */
    float *factors;   /* by type of the file */
};

/* heap: finished, with more objects and groups than most, which is at least 1. -ENOMEM */
int dotnet_sample_init(struct dotnet_sample *sample, const struct dotnet_heap *heap,
                       const struct dotnet_file_types *types, size_t most) _must_check_;
void dotnet_sample_release(struct dotnet_sample *sample);
#define _cleanup_dotnet_sample_ _cleanup_(dotnet_sample_release)

/* sample may be NULL: all are there. */
static inline bool dotnet_sample_has(const struct dotnet_sample *sample, size_t id)
{
    return !sample || sample->chosen[id / 64] >> id % 64 & 1;
}

/* The place of one that is there. */
static inline size_t dotnet_sample_place(const struct dotnet_sample *sample, size_t id)
{
    return sample ? sample->ranks[id / 64] +
                        (size_t)__builtin_popcountll(sample->chosen[id / 64] & ((1ull << id % 64) - 1))
                  : id;
}
