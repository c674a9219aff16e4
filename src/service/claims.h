/* Which process each dump that runs is of, in memory that the inspector and its workers share. An id such as
 * -1 becomes a pid only in a worker, since to find it takes reading what processes wrote; so it is there that
 * two ids are seen to mean one process. */
#pragma once

#include "base/error.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct claims {
    _Atomic int32_t *pids; /* one a slot; 0: none */
    size_t count, per_target;
};

int claims_init(struct claims *claims, size_t slots, size_t per_target) _must_check_;
void claims_release(struct claims *claims); /* accepts what was never initialized, all zeros */

/* Claims pid for the slot, waiting for so long until another's claim has gone. -EUSERS: too many dumps of it
 * run. Of two that come at the very same time both may be refused, never are both let through. */
int claims_take(const struct claims *claims, size_t slot, pid_t pid, uint64_t wait_ms,
                struct error *error) _must_check_;
void claims_drop(const struct claims *claims, size_t slot);
