/* Moves of single threads that the calling thread traces: from stop to stop, through system calls. For
 * inject.c and clone.c. All return -ESRCH for one that has ended, -ETIMEDOUT after the deadline
 * (clock_monotonic_ns()). */
#pragma once

#include "base/cleanup.h"

#include <stdint.h>
#include <sys/types.h>

enum { STEP_OPTIONS = 0x09 }; /* PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE: what run_to() needs */

enum stop {
    STOP_AT_END_OF_CALL,
    STOP_AT_NEW_CHILD,
    STOP_OF_OURS, /* PTRACE_EVENT_STOP */
};

/* Where tests let us die. */
void step(void);

int await_stop(pid_t tid, uint64_t deadline_ns, int *ret_code) _must_check_;
/* how: PTRACE_SYSCALL or PTRACE_CONT. STOP_OF_OURS only ends it where it is wanted. */
int run_to(pid_t tid, int how, enum stop wanted, uint64_t deadline_ns, enum stop *ret_stop) _must_check_;
/* The same of one that is on its way since a run_to() that took too long. */
int run_on_to(pid_t tid, int how, enum stop wanted, uint64_t deadline_ns, enum stop *ret_stop) _must_check_;
/* Whole words, wherever it is mapped. */
int write_words(pid_t tid, uint64_t address, const uint8_t *bytes, size_t size) _must_check_;
int read_words(pid_t tid, uint64_t address, uint8_t *bytes, size_t size) _must_check_;
/* Of the system call at whose end it stands. */
int result_of(pid_t tid, long *ret_result) _must_check_;
/* The same of a clone that did not come about: why not. */
int refusal_of(pid_t tid) _must_check_;
/* At STOP_AT_NEW_CHILD: the child, which stops before its first step. */
int take_child(pid_t parent, uint64_t deadline_ns, pid_t *ret_child) _must_check_;
