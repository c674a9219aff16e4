/* Wrong passwords, counted by name and where they come from: ten at once, then one every ten seconds. Who
 * guesses at a name from one place keeps nobody else from it. A place is an address, of IPv6 the /64 that it
 * is in: who has one address of that has them all. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ATTEMPTS_KEPT = 1024, ATTEMPTS_AT_ONCE = 10, ATTEMPTS_PAUSE_MS = 10000 };

struct attempts {
    struct attempt {
        uint64_t key;      /* of name and place; 0: free */
        uint64_t until_ms; /* when the last of them is forgotten */
    } items[ATTEMPTS_KEPT];
};

bool attempts_may_try(const struct attempts *attempts, const char *name, const char *place, uint64_t now_ms);
void attempts_count(struct attempts *attempts, const char *name, const char *place, uint64_t now_ms);
void attempts_forget(struct attempts *attempts, const char *name, const char *place);
