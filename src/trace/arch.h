/* What differs from machine to machine: how registers are fetched, and how a system call that our stop
 * interrupted is made to go on. One arch_MACHINE.c is compiled. */
#pragma once

#include "trace/registers.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads the general registers of a thread that is stopped and traced by the calling thread. -ESRCH it was
 * killed meanwhile, -EOPNOTSUPP it runs 32-bit code. */
int arch_general_read(pid_t tid, struct registers *ret_registers) _must_check_;

/* How much of a ucontext arch_context_pointer() looks at. */
extern const size_t arch_context_size;

/* The stack pointer of what a signal's handler has interrupted. False: what stands there, at address on a
 * stack that ends at top, is no ucontext that the kernel has written. */
bool arch_context_pointer(const void *context, uint64_t address, uint64_t top, uint64_t *ret_pointer);

/* Whether that system call answers EINTR after a stop, so that arch_mend_interrupted has work to do. */
bool arch_call_answers_eintr(long number);

/* The most that the extended registers of one thread take; 0: this machine has none. */
size_t arch_extended_size(void);
size_t arch_extended_usual_size(void);

/* Reads the floating registers of a thread as above and, into room for size, which is arch_extended_size() or
 * 0, its extended ones, which hold the floating ones too: one call to the kernel, where there is such room.
 * ret_extended_size gets their size, 0 where they can't be had. Errors as above. */
int arch_floating_read(pid_t tid, struct registers *registers, void *extended, size_t size,
                       size_t *ret_extended_size) _must_check_;

/* True where the thread's system call would fail with EINTR for no other reason than our stop. The thread is
 * then set to call again (unless a signal handler runs first: then EINTR is what it would have seen anyway),
 * and registers say so too. Does nothing where it is not needed or the thread is gone. */
bool arch_mend_interrupted(pid_t tid, struct registers *registers);

/* The relative timeout that such a call takes in a register and starts afresh when it is called again. 0: it
 * has none, or waits for ever. */
uint32_t arch_timeout_ms(long number, const uint64_t arguments[6]);
/* The same of a thread that was mended. */
uint32_t arch_timeout_left_ms(const struct registers *registers);
/* Sets it, in the thread and in registers. False: the thread isn't where it was mended any more. */
bool arch_timeout_shorten(pid_t tid, struct registers *registers, uint32_t timeout_ms);
