/* Signals of the service's processes. */
#pragma once

#include "base/cleanup.h"

#include <stddef.h>

/* What the inspector waits for, SIGTERM, SIGINT, SIGHUP and SIGCHLD, as a descriptor that does not block:
 * they are blocked, and SIGPIPE and SIGXFSZ are ignored. */
int signals_open(void) _must_check_;
/* Keeps SIGTERM, SIGINT and SIGHUP until then, for one who already has what must not be left behind. */
void signals_hold(void);
/* Ignores these from now on. */
void signals_ignore(const int *signals, size_t count);
/* For a child right after fork: blocks none, and SIGCHLD and SIGALRM do what they do by themselves. */
void signals_unblock(void);
/* Calls step; a process in which it takes longer ends by SIGALRM. After signals_unblock(). */
void signals_call_within(unsigned seconds, void (*step)(void));
