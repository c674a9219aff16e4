#include "service/seen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A ring, the oldest first, since what came first is over first, give or take a minute; and chains by hash.
 */
struct item {
    uint8_t hash[SEEN_HASH_SIZE];
    uint64_t connection;
    int64_t until;
    uint32_t next; /* in its chain: a place in items, and one more; 0: the last */
};

struct seen {
    uint32_t chains[SEEN_MAX]; /* likewise */
    struct item items[SEEN_MAX];
    uint32_t first, count;
};

int seen_new(struct seen **ret_seen)
{
    *ret_seen = calloc(1, sizeof **ret_seen); /* pages come as they are used */
    return *ret_seen ? 0 : -ENOMEM;
}

void seen_free(struct seen *seen)
{
    free(seen);
}

/* The hash is of a keyed kind, so nobody chooses where it stands. */
static uint32_t *chain_of(struct seen *seen, const uint8_t hash[SEEN_HASH_SIZE])
{
    return &seen->chains[(size_t)(hash[0] | hash[1] << 8) % SEEN_MAX];
}

static void forget_first(struct seen *seen)
{
    uint32_t *link = chain_of(seen, seen->items[seen->first].hash);

    while (*link != seen->first + 1)
        link = &seen->items[*link - 1].next;
    *link = seen->items[seen->first].next;
    seen->first = (seen->first + 1) % SEEN_MAX;
    seen->count--;
}

int seen_add(struct seen *seen, const uint8_t hash[SEEN_HASH_SIZE], uint64_t connection, int64_t now,
             int64_t until)
{
    uint32_t *chain = chain_of(seen, hash), place;

    while (seen->count > 0 && seen->items[seen->first].until < now)
        forget_first(seen);
    for (uint32_t at = *chain; at != 0; at = seen->items[at - 1].next)
        if (memcmp(seen->items[at - 1].hash, hash, SEEN_HASH_SIZE) == 0)
            return connection != 0 && seen->items[at - 1].connection == connection ? 0 : -EEXIST;
    if (seen->count == SEEN_MAX)
        return -ENOSPC;
    place = (seen->first + seen->count++) % SEEN_MAX;
    seen->items[place] = (struct item){.connection = connection, .until = until, .next = *chain};
    memcpy(seen->items[place].hash, hash, SEEN_HASH_SIZE);
    *chain = place + 1;
    return 0;
}
