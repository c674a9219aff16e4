/* A process has one tracer at a time, and several procscopes may want it: workers of a service, profiles, the
 * command line. Each holds it for moments, so they wait for each other. */
#pragma once

#include "proc/pidref.h"

#include <stdbool.h>

/* Marks this thread, for the others, as one that holds a process for procscope and lets it go by itself. */
void turn_mark_holder(void);

/* Whether that thread traces for procscope. Anybody may call his thread so: he is waited for, in vain. */
bool turn_is_ours(pid_t tracer);

/* Waits while ours traces that thread of the process, until_ns (clock_monotonic_ns()) at the most; how often
 * it looks grows with how long it waits. 0: nobody traces it just now, or it is gone; -EBUSY: a stranger
 * does; -ETIMEDOUT: one of ours does still, *ret_tracer. */
int turn_wait(const struct pidref *process, pid_t tid, uint64_t until_ns, pid_t *ret_tracer) _must_check_;
