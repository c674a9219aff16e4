/* The thread that holds a process. It alone calls ptrace, does nothing else, and ends when the process is let
 * go: the end of a tracer is where the kernel lets go of whatever it still has, stopped or not, dead or
 * alive, so there is one way out that is always right. (A thread that would not stop could not be let go
 * otherwise: PTRACE_DETACH wants it stopped.) */
#pragma once

#include "base/error.h"
#include "proc/tasks.h"
#include "trace/looks.h"
#include "trace/threads.h"
#include "trace/trace.h"

#include <stdatomic.h>

struct hold {
    const struct pidref *process; /* borrowed, until the hold stands */
    uint64_t deadline_ns;         /* clock_monotonic_ns() */
    struct thread_list threads;
    struct looks looks;
    struct moves moves;
    struct id_list ids; /* of the last scan; here since a cancelled thread frees nothing */

    struct extended_area extended; /* where extended registers go, and how much of it is left */
    size_t extended_size;          /* of one thread, at most */
    bool general_only;
    bool settled_only;

    size_t left_out; /* of these: a leader that has ended, workers of the kernel */
    bool changing;   /* during that scan threads ended */

    pthread_t thread;
    pid_t holder; /* its id in the kernel */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum hold_phase { HOLD_BEGINS, HOLD_STANDS, HOLD_FAILED, HOLD_GIVEN_UP, HOLD_ENDS } phase;
    int result;    /* of HOLD_FAILED */
    pid_t culprit; /* the thread that result is about, where it is about one */

    int (*work)(struct hold *hold, void *argument); /* for the holder to do; NULL none */
    void *work_argument;
    int work_result;
    void (*watch)(struct hold *hold,
                  void *argument); /* every HOLD_WATCH_MS while there is no work; NULL none */
    void *watch_argument;
    bool let_go;         /* the process runs again, though the holder lives */
    uint64_t most_ns;    /* held no longer, counted from the first interrupt; 0: until it is let go */
    atomic_bool ran_out; /* of that time: set before the first thread runs */

    uint64_t first_interrupt_ns, last_detach_ns;
};

enum { HOLD_WATCH_MS = 100 };

/* Of the options all but the first deadline count; they are not kept. settled_only: stop nobody (-EALREADY,
 * culprit) where a thread is in an uninterruptible wait. Returns when all threads are stopped
 * (0), or when none is held any more: -ESRCH, -EPERM (culprit), -EBUSY (culprit is traced by another),
 * -EOPNOTSUPP (culprit runs 32-bit code), -ETIMEDOUT (culprit did not stop; 0: seizing took too long),
 * -ENOMEM, -ENOBUFS, -EAGAIN. */
int hold_begin(struct hold *hold, const struct pidref *process, const struct trace_options *options,
               bool settled_only, uint64_t deadline_ns) _must_check_;
/* Has the holder do some work, while the process is held or after hold_let_go. Returns what it returns. */
int hold_run(struct hold *hold, int (*work)(struct hold *hold, void *argument), void *argument);
/* Lets the process go, and keeps the holder for what else it traces. -ESRCH: the process was killed
 * meanwhile, and goes only when the holder ends. */
int hold_let_go(struct hold *hold);
/* How long the process was held, so far or in all. */
uint64_t hold_length_ns(const struct hold *hold);
/* Lets go, and frees. Also after hold_begin failed. */
void hold_end(struct hold *hold, uint64_t *ret_held_ns);
