#include "capture/module_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 256, WAYS = 4 };

/* Facts without the room that a soname never needs. */
struct entry {
    struct file_state state;
    uint64_t used; /* when last, in uses of the cache */
    struct module_facts *facts;
};

static struct {
    pthread_mutex_t lock;
    uint64_t uses;
    struct entry entries[SETS][WAYS];
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct entry *set_of(const struct file_state *state)
{
    uint64_t hash = ((uint64_t)state->inode ^ (uint64_t)state->device << 32) * 0x9e3779b97f4a7c15u;
    return cache.entries[hash >> 56];
}

static bool same_file(const struct file_state *one, const struct file_state *other)
{
    return one->device == other->device && one->inode == other->inode && one->found_on == other->found_on;
}

static bool same_state(const struct file_state *one, const struct file_state *other)
{
    return same_file(one, other) && one->size == other->size && one->modified == other->modified &&
           one->changed == other->changed;
}

/* The soname comes last in the facts: only as much as it takes is kept. */
static size_t kept_size(const struct module_facts *facts)
{
    return offsetof(struct module_facts, soname) + strlen(facts->soname) + 1;
}

bool module_cache_get(const struct file_state *state, struct module_facts *ret_facts)
{
    struct entry *set = set_of(state);
    bool found = false;

    pthread_mutex_lock(&cache.lock);
    for (size_t i = 0; i < WAYS && !found; i++) {
        if (!set[i].facts || !same_state(&set[i].state, state))
            continue;
        memcpy(ret_facts, set[i].facts, kept_size(set[i].facts));
        set[i].used = ++cache.uses;
        found = true;
    }
    pthread_mutex_unlock(&cache.lock);
    return found;
}

void module_cache_put(const struct file_state *state, const struct module_facts *facts)
{
    struct module_facts *kept = malloc(kept_size(facts));
    struct entry *set = set_of(state), *place = set;

    if (!kept)
        return; /* it is read again the next time */
    memcpy(kept, facts, kept_size(facts));
    pthread_mutex_lock(&cache.lock);
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].facts && same_file(&set[i].state, state)) {
            place = &set[i]; /* an older state of it is of no use any more */
            break;
        }
        if (set[i].used < place->used)
            place = &set[i];
    }
    free(place->facts);
    *place = (struct entry){.state = *state, .used = ++cache.uses, .facts = kept};
    pthread_mutex_unlock(&cache.lock);
}
