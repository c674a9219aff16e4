#include "profile/index.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>

enum { SIZE_MIN = 64 };

uint64_t hash_seed(void)
{
    static uint64_t seed; /* every thread that comes here first reads the same */
    uint64_t from_kernel = 1;
    const void *random = (const void *)getauxval(AT_RANDOM); /* 16 bytes */

    if (!seed) {
        if (random)
            memcpy(&from_kernel, random, sizeof from_kernel);
        seed = from_kernel | 1;
    }
    return seed;
}

void index_release(struct index *index)
{
    free(index->slots);
    *index = (struct index){0};
}

bool index_find(const struct index *index, const struct index_kind *kind, const void *owner, uint64_t hash,
                const void *key, uint32_t *ret_number)
{
    if (!index->size)
        return false;
    for (size_t at = hash & (index->size - 1); index->slots[at]; at = (at + 1) & (index->size - 1)) {
        if (kind->is(owner, index->slots[at] - 1, key)) {
            *ret_number = index->slots[at] - 1;
            return true;
        }
    }
    return false;
}

static void put(uint32_t *slots, size_t size, uint64_t hash, uint32_t slot)
{
    size_t at = hash & (size - 1);

    while (slots[at])
        at = (at + 1) & (size - 1);
    slots[at] = slot;
}

static int grow(struct index *index, const struct index_kind *kind, const void *owner)
{
    size_t size = index->size ? index->size * 2 : SIZE_MIN;
    uint32_t *slots = calloc(size, sizeof *slots);

    if (!slots)
        return -ENOMEM;
    for (size_t i = 0; i < index->size; i++)
        if (index->slots[i])
            put(slots, size, kind->hash(owner, index->slots[i] - 1), index->slots[i]);
    free(index->slots);
    index->slots = slots;
    index->size = size;
    return 0;
}

int index_add(struct index *index, const struct index_kind *kind, const void *owner, uint64_t hash,
              uint32_t number)
{
    int r = index->count >= index->size / 4 * 3 ? grow(index, kind, owner) : 0;

    if (r < 0)
        return r;
    put(index->slots, index->size, hash, number + 1);
    index->count++;
    return 0;
}
