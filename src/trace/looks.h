/* A look at each thread of a process before the first is stopped (interrupted_look), by two threads of ours
 * at once: a look is some microseconds of the kernel's in /proc, and of hundreds of threads that is longer
 * than seizing them. The holder owns the list and never waits for the helper: what that one has not got done,
 * or is just at, the holder does itself. So a helper that gets no processor costs nothing but its help. */
#pragma once

#include "proc/pidref.h"
#include "trace/interrupted.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct look {
    pid_t tid;
    _Atomic enum look_state { LOOK_OPEN, LOOK_BEGUN, LOOK_DONE } state; /* by the helper; else the holder's */
    bool alone;
    struct waited waited;
};

struct looks {
    struct look *items; /* in the order of the threads' list; NULL: not begun */
    size_t count;
    _Atomic size_t left; /* for the helper, who begins at the end */
};

/* By the holder, once. -ENOMEM. */
int looks_begin(struct looks *looks, const pid_t *tids, size_t count) _must_check_;
bool looks_can_help(const struct looks *looks);
/* By the helper. true: it is past until_ns (clock_monotonic_ns()), and there may be more to do. */
bool looks_help(struct looks *looks, const struct pidref *process, uint64_t until_ns);
/* By the holder: fills in each thread of its list. No more help is wanted then. */
void looks_take(struct looks *looks, const struct pidref *process, struct thread_list *threads);
/* When neither of them is at it. */
void looks_release(struct looks *looks);
