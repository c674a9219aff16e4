#include "service/attempts.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <nettle/sha2.h>
#include <string.h>

enum { PROBES = 8 };

/* What is not of IPv6 stays as it is. */
static void widen(const char *place, char network[INET6_ADDRSTRLEN + sizeof "/64"], const char **ret_place)
{
    struct in6_addr address;

    *ret_place = place;
    if (inet_pton(AF_INET6, place, &address) != 1 || IN6_IS_ADDR_V4MAPPED(&address))
        return;
    memset(&address.s6_addr[sizeof address / 2], 0, sizeof address / 2);
    if (!inet_ntop(AF_INET6, &address, network, INET6_ADDRSTRLEN))
        return;
    memcpy(network + strlen(network), "/64", sizeof "/64");
    *ret_place = network;
}

static uint64_t key_of(const char *name, const char *from)
{
    char network[INET6_ADDRSTRLEN + sizeof "/64"];
    const char *place;
    uint8_t digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx context;
    uint64_t key;

    widen(from, network, &place);
    sha256_init(&context);
    sha256_update(&context, strlen(name) + 1,
                  (const uint8_t *)name); /* with its NUL: "ab","c" is not "a","bc" */
    sha256_update(&context, strlen(place), (const uint8_t *)place);
    sha256_digest(&context, sizeof digest, digest);
    memcpy(&key, digest, sizeof key);
    return key ? key : 1;
}

static struct attempt *find(const struct attempts *attempts, uint64_t key)
{
    for (size_t i = 0; i < PROBES; i++) {
        const struct attempt *item = &attempts->items[(key + i) % ATTEMPTS_KEPT];
        if (item->key == key)
            return (struct attempt *)item;
    }
    return NULL;
}

bool attempts_may_try(const struct attempts *attempts, const char *name, const char *place, uint64_t now_ms)
{
    const struct attempt *item = find(attempts, key_of(name, place));

    return !item || item->until_ms <= now_ms + (ATTEMPTS_AT_ONCE - 1) * (uint64_t)ATTEMPTS_PAUSE_MS;
}

void attempts_count(struct attempts *attempts, const char *name, const char *place, uint64_t now_ms)
{
    uint64_t key = key_of(name, place);
    struct attempt *item = find(attempts, key);

    /* a free place, or the one that is forgotten first: who fills the table to be forgotten has to be wrong
     * more often than he gains */
    if (!item) {
        item = &attempts->items[key % ATTEMPTS_KEPT];
        for (size_t i = 1; i < PROBES; i++) {
            struct attempt *other = &attempts->items[(key + i) % ATTEMPTS_KEPT];
            if (other->until_ms < item->until_ms)
                item = other;
        }
        *item = (struct attempt){.key = key};
    }
    item->until_ms = (item->until_ms > now_ms ? item->until_ms : now_ms) + ATTEMPTS_PAUSE_MS;
}

void attempts_forget(struct attempts *attempts, const char *name, const char *place)
{
    struct attempt *item = find(attempts, key_of(name, place));

    if (item)
        *item = (struct attempt){0};
}
