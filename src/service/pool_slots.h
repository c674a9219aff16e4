/* Which slot of the pool a job belongs into that gets a worker of its own. Private to pool*.c. */
#pragma once

#include "service/pool.h"

/* A free one of its kind; -EUSERS past the limits. Ids are compared as they were asked, which needs no
 * worker; -1 and the pid behind it are seen to be one by the worker (claims.h). */
int pool_find_slot(const struct pool *pool, const struct job *job, size_t *ret_slot,
                   struct error *error) _must_check_;

/* The worker with the target's session; by the pid behind an id such as -1, too. */
bool pool_find_session(const struct pool *pool, int64_t target, size_t *ret_slot);

/* Where there is none: whether the job may begin it. -EUSERS another one is just doing so; -ENOENT it is one
 * that needs a session. */
int pool_check_session(const struct pool *pool, const struct job *job, struct error *error) _must_check_;
