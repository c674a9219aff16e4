#include "proc/socket_cache.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1024 };

struct slot {
    uint64_t network_namespace, inode, said_ms;
    char *text; /* NULL: free */
};

static struct {
    pthread_mutex_t lock;
    struct slot slots[SLOTS];
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct slot *slot_of(uint64_t network_namespace, uint64_t inode)
{
    uint64_t hash = (inode ^ network_namespace << 32) * 0x9e3779b97f4a7c15u;

    return &cache.slots[(hash >> 32) % SLOTS];
}

char *socket_cache_get(uint64_t network_namespace, uint64_t inode)
{
    const struct slot *slot = slot_of(network_namespace, inode);
    uint64_t now = clock_monotonic_ms();
    char *text = NULL;

    pthread_mutex_lock(&cache.lock);
    if (slot->text && slot->network_namespace == network_namespace && slot->inode == inode &&
        now - slot->said_ms < SOCKET_CACHE_MS)
        text = strdup(slot->text);
    pthread_mutex_unlock(&cache.lock);
    return text;
}

void socket_cache_put(uint64_t network_namespace, uint64_t inode, const char *text)
{
    struct slot *slot = slot_of(network_namespace, inode);
    char *copy = strdup(text);

    if (!copy)
        return;
    pthread_mutex_lock(&cache.lock);
    free(slot->text);
    *slot = (struct slot){network_namespace, inode, clock_monotonic_ms(), copy};
    pthread_mutex_unlock(&cache.lock);
}
