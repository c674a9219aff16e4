/* The word that names a process on the command line. */
#pragma once

#include "cmd/session.h"

/* A pid; 0 or "self" (procscope itself: with --url the service there); -1 or "main"; else a process's name
 * where just one has it. Several: they are listed on stderr, -EINVAL. None: -ESRCH. */
int target_resolve(struct session *session, const char *text, int64_t *ret_id,
                   struct error *error) _must_check_;
