/* Finds things in an array by what they are: a hash table of their numbers. The things stay where their owner
 * has them; two functions of his say what is equal. */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_kind {
    bool (*is)(const void *owner, uint32_t number, const void *key);
    uint64_t (*hash)(const void *owner, uint32_t number); /* as the key's */
};

struct index {
    uint32_t *slots; /* number + 1; 0: free */
    size_t size;     /* a power of two, a third larger than count at least */
    size_t count;
};

void index_release(struct index *index);
bool index_find(const struct index *index, const struct index_kind *kind, const void *owner, uint64_t hash,
                const void *key, uint32_t *ret_number);
/* One that was not found. -ENOMEM. */
int index_add(struct index *index, const struct index_kind *kind, const void *owner, uint64_t hash,
              uint32_t number) _must_check_;

/* What hashes begin with: another in each run, so that no target can choose names and addresses which all
 * have one. */
uint64_t hash_seed(void);

/* Mixes value into hash: all bits of both count in all bits of the result. */
static inline uint64_t hash_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ hash >> 32) * 0x9e3779b97f4a7c15u + value;
    hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93u;
    return hash ^ hash >> 32;
}

/* Of two values. */
static inline uint64_t hash_pair(uint64_t one, uint64_t other)
{
    return hash_mix(hash_mix(hash_seed(), one), other);
}
