/* Signals of the service's processes. */
#pragma once

#include <stddef.h>

/* Ignores these from now on. */
void signals_ignore(const int *signals, size_t count);
/* For a child right after fork: blocks none, and SIGCHLD does what it does by itself. */
void signals_unblock(void);
