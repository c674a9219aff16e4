/* Credentials that were checked a moment ago. Kept by a hash of theirs with a key that nobody knows, so that
 * none of them stays in memory. */
#pragma once

#include "access/principal.h"

enum { KNOWN_MAX = 256, KNOWN_MS = 60000, KNOWN_HASH_SIZE = 32 };

struct known_key {
    uint8_t bytes[KNOWN_HASH_SIZE];
};

struct known {
    uint8_t secret[KNOWN_HASH_SIZE];
    struct {
        struct known_key key;
        uint64_t until_ms; /* 0: free */
        struct principal principal;
    } items[KNOWN_MAX];
};

int known_init(struct known *known) _must_check_;
void known_clear(struct known *known);
struct known_key known_key_of(const struct known *known, const char *credential);
/* now: seconds since 1970, by which it has not yet expired. */
bool known_find(const struct known *known, const struct known_key *key, uint64_t now_ms, int64_t now,
                struct principal *ret_principal);
void known_add(struct known *known, const struct known_key *key, uint64_t now_ms,
               const struct principal *principal);
