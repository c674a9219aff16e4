/* System calls that our stop interrupts: which threads wait in one, and since when. The kernel starts the
 * relative timeout of such a call afresh when it is restarted, so the end would come late by what was waited
 * so far. Where the timeout is in a register (arch_timeout_ms) it is shortened by that instead, never by
 * more: whatever isn't certain here makes the call end later, not earlier.
 *
 * How long a thread has slept the kernel tells in /proc/PID/task/TID/sched: se.exec_start is when it last
 * ran. That is a clock of the processor it ran on: it stands while the hypervisor or an interrupt has that
 * processor, so that those of two processors can be seconds apart. Hence the clock is read on the same one.
 */
#pragma once

#include "proc/pidref.h"
#include "trace/registers.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

struct thread_list;
struct traced_thread;

struct waited {
    enum waited_known {
        WAITED_UNKNOWN,
        WAITED_SLEPT,    /* since_ns is of its processor's clock */
        WAITED_SINCE,    /* since_ns is of clock_monotonic_ns() */
        WAITED_SHORTENED /* and its timeout is what it was less what was waited since */
    } known;
    int processor;
    uint64_t runs, sleeps; /* how often it was put on a processor and went to sleep, with that sleep */
    uint64_t since_ns;
    uint32_t timeout_ms;
};

/* Before anything is stopped: whether the thread waits in a call that is to be mended after a stop (a guess:
 * it runs on), and since when, where that matters. */
bool interrupted_look(const struct pidref *process, pid_t tid, struct waited *ret_waited);
/* A thread that goes from processor to processor. On one that real-time threads keep to themselves it would
 * not run again by itself. */
enum { PROCESSORS_MAX = 8192 };
struct processors {
    union {
        cpu_set_t first;
        unsigned long words[PROCESSORS_MAX / (8 * sizeof(unsigned long))];
    };
};
struct moves {
    pid_t tid;
    uint64_t end_ns;          /* clock_monotonic_ns(): when it is to be over */
    struct processors before; /* where it may run */
    _Atomic bool away, called_back;
};

/* After that, of all threads, and before anything is stopped. Moves the calling thread. */
void interrupted_find_since(struct thread_list *threads, struct moves *moves);
/* By another thread, again and again until it is over: acts once that takes long. */
void interrupted_call_back(struct moves *moves);
/* Interrupts it, and forgets what it had waited if it has run since, or if we were kept from the processor
 * between that look and the interrupt. Such a thread may be on its way into its next call, and would be
 * stopped there with no sleep in between that tells. A negative errno of ptrace(2). */
int interrupted_interrupt(const struct pidref *process, struct traced_thread *thread);
/* The thread has stopped, and was mended: shortens its timeout if it has slept on since it was looked at. */
void interrupted_shorten(const struct pidref *process, struct traced_thread *thread);
/* Before it goes on: by what it was held. */
void interrupted_shorten_again(struct traced_thread *thread);
