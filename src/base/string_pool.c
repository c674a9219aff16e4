#include "base/string_pool.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK_SIZE = 16 * 1024, SLOTS_FIRST = 256 };

struct block {
    struct block *next;
    size_t size, used;
    char bytes[];
};

struct string_pool {
    struct block *blocks; /* the one that is being filled first */
    const char **slots;   /* open addressing; a power of two of them */
    size_t slot_count, count;
    size_t size, limit;
};

struct string_pool *string_pool_new(size_t limit)
{
    struct string_pool *pool = calloc(1, sizeof *pool);

    if (pool)
        pool->limit = limit;
    return pool;
}

void string_pool_free(struct string_pool *pool)
{
    if (!pool)
        return;
    for (struct block *next, *block = pool->blocks; block; block = next) {
        next = block->next;
        free(block);
    }
    free(pool->slots);
    free(pool);
}

size_t string_pool_size(const struct string_pool *pool)
{
    return pool->size + pool->slot_count * sizeof pool->slots[0];
}

/* FNV-1a, folded so that the low bits have something of all. */
static size_t hash(const char *text)
{
    uint64_t value = 0xcbf29ce484222325u;

    for (; *text; text++)
        value = (value ^ (unsigned char)*text) * 0x100000001b3u;
    return (size_t)(value ^ value >> 32);
}

/* Where text is, or the free slot where it belongs. */
static const char **slot_of(const char **slots, size_t slot_count, const char *text)
{
    size_t at = hash(text) & (slot_count - 1);

    while (slots[at] && strcmp(slots[at], text) != 0)
        at = (at + 1) & (slot_count - 1);
    return &slots[at];
}

/* At most half of the slots are taken. */
static bool slots_reserve(struct string_pool *pool)
{
    size_t slot_count = pool->slot_count ? pool->slot_count * 2 : SLOTS_FIRST;
    const char **slots;

    if (pool->count * 2 < pool->slot_count)
        return true;
    slots = calloc(slot_count, sizeof slots[0]);
    if (!slots)
        return false;
    for (size_t i = 0; i < pool->slot_count; i++)
        if (pool->slots[i])
            *slot_of(slots, slot_count, pool->slots[i]) = pool->slots[i];
    free(pool->slots);
    pool->slots = slots;
    pool->slot_count = slot_count;
    return true;
}

static char *room_for(struct string_pool *pool, size_t size)
{
    struct block *block = pool->blocks;

    if (!block || block->size - block->used < size) {
        size_t wanted = size > BLOCK_SIZE ? size : BLOCK_SIZE;

        block = malloc(sizeof *block + wanted);
        if (!block)
            return NULL;
        *block = (struct block){.next = pool->blocks, .size = wanted};
        pool->blocks = block;
    }
    block->used += size;
    return block->bytes + block->used - size;
}

const char *string_pool_add(struct string_pool *pool, const char *text)
{
    size_t size = strlen(text) + 1;
    const char **slot;
    char *copy;

    if (!slots_reserve(pool))
        return NULL;
    slot = slot_of(pool->slots, pool->slot_count, text);
    if (*slot)
        return *slot;
    if (size > pool->limit - pool->size)
        return NULL;
    copy = room_for(pool, size);
    if (!copy)
        return NULL;
    memcpy(copy, text, size);
    pool->size += size;
    pool->count++;
    *slot = copy;
    return copy;
}
