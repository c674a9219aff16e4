/* Tokens that were used and may not be again, as long as they would still be good: by a hash of each. Full,
 * it takes no more, and forgets none before its time. */
#pragma once

#include "base/cleanup.h"

#include <stddef.h>
#include <stdint.h>

enum { SEEN_MAX = 65536, SEEN_HASH_SIZE = 16 };

struct seen;

int seen_new(struct seen **ret_seen) _must_check_;
void seen_free(struct seen *seen); /* accepts NULL */

/* Takes note of it until `until`, by the clock that `now` is of. 0: it was not used before, or by the same
 * connection, as the kernel numbers them (0: unknown, and so another each time): a request may be more than
 * one question. -EEXIST: it was. -ENOSPC: full. */
int seen_add(struct seen *seen, const uint8_t hash[SEEN_HASH_SIZE], uint64_t connection, int64_t now,
             int64_t until) _must_check_;
