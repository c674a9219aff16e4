/* Has a thread of a held process start another, the keeper, which clones the process; in such a way that all
 * of them put themselves right again should we die at any instant: docs/SNAPSHOT.md. Used by snapshot.c, in
 * the holder's thread only.
 *
 * Two pieces of code are written among the zeros behind the end of the vdso. Both are position-independent
 * and touch neither stack nor floating registers.
 *   program   of the borrowed thread; it holds that thread's registers, and its end restores them
 *   loop      of the keeper: it waits for the clone's end and exits. Always the same bytes, so it stays */
#pragma once

#include "memory/memory.h"
#include "trace/filter.h"
#include "trace/hold.h"

#ifndef CLOSE_RANGE_UNSHARE /* linux/close_range.h, Linux 5.9 */
#define CLOSE_RANGE_UNSHARE 2
#endif

struct vdso {
    uint64_t start, end; /* as mapped */
};

struct injection {
    struct traced_thread *thread; /* borrowed */
    uint64_t program, loop;       /* their addresses; program 0: not written */
    uint64_t mask;                /* the thread's own signal mask */
    bool settles;                 /* no filter harms the clone for the calls of clone_settle() */
    bool runs_program;            /* a keeper may be in the program, which stays, then */
    pid_t keeper, clone;          /* as soon as they are known; 0: not yet */
    bool is_late;                 /* the keeper is still on its way when time is up */
    uint64_t deadline_ns;
};

/* Borrows a stopped thread, with its signals blocked and the program written. injection has vdso's places
 * filled in when this fails, too, and is to be ended. -EAGAIN this thread is in no state for it; -EOPNOTSUPP
 * the vdso has no room. settles: whether clone_settle() may do anything. */
int injection_begin(struct injection *injection, struct traced_thread *thread, const struct vdso *vdso,
                    bool settles, uint64_t deadline_ns) _must_check_;
/* The thread starts the keeper, another thread of the process, which stops before its first step. -EAGAIN:
 * the limit of threads is reached. */
int injection_start_keeper(struct injection *injection, pid_t *ret_keeper) _must_check_;
/* The keeper clones the process, then is sent into its loop, and let go. The clone is stopped, traced, and is
 * killed when the calling thread ends. Where this fails the keeper exits by itself. */
int injection_clone(struct injection *injection, pid_t keeper, pid_t *ret_clone) _must_check_;
/* Gives the thread back, stopped as it was. Where this fails it runs, restores itself and is not ours. */
int injection_end(struct injection *injection) _must_check_;

/* Once the target is let go: waits for a clone that came too late, ends it, and erases the program that was
 * left for its keeper. Else there would soon be no room for another. Takes two seconds at most. */
void injection_end_late(struct injection *injection);

/* For the clone: gives up the target's files, takes another name, offers itself to the out-of-memory killer
 * first, and forgets the program. Best effort. */
void clone_settle(const struct injection *injection, pid_t clone);
/* Ends the clone; the keeper collects it. Returns when it has ended, or after two seconds. */
void clone_end(pid_t clone);

/* Tests let us die at each of these places. */
extern void (*injection_step)(void);

/* --- one for each machine: inject_MACHINE.c --- */
enum { PROGRAM_MAX = 512, LOOP_MAX = 64, CALL_ARGUMENTS = 3 };
enum program_entry {
    ENTER_RESTORE, /* the thread restores itself */
    ENTER_CLONE,   /* it starts the keeper first */
};

/* The system calls of program and loop; of the clone while it settles. What varies in their arguments is 0.
 */
enum { PROGRAM_CALLS = 5, SETTLE_CALLS = 5 };
extern const struct seccomp_data arch_program_calls[PROGRAM_CALLS], arch_settle_calls[SETTLE_CALLS];

size_t arch_program_size(void); /* a multiple of 8; 0: not done on this machine */
size_t arch_loop_size(void);    /* likewise */
/* The program that restores this thread. */
void arch_program_build(const struct registers *registers, uint64_t mask, uint8_t *ret_bytes);
void arch_loop_build(uint8_t *ret_bytes);
/* Where in the program bytes may stand that only we use: of PROGRAM_ROOM. */
enum { PROGRAM_ROOM = 64 };
uint64_t arch_program_room(uint64_t program);
/* How good a thread is to borrow: 0 not at all, 1 it runs, and must be outside of restartable sequences, or
 * waits for signals, 2 it waits in any other system call that is made again. */
int arch_borrowable(const struct registers *registers, const struct memory *memory);
/* Whether the thread waits for children of all kinds, and so would see the clone. Not who waits for one
 * child, as the keeper of another snapshot does. */
bool arch_waits_for_clones(const struct registers *registers);
void arch_enter(struct registers *registers, uint64_t program, enum program_entry entry);
/* A system call of the clone; it never goes further. */
void arch_enter_call(struct registers *registers, uint64_t program, long number,
                     const uint64_t arguments[CALL_ARGUMENTS]);
void arch_enter_loop(struct registers *registers, uint64_t loop);
/* The keeper's end, without a clone: where the loop ends. */
void arch_enter_exit(struct registers *registers, uint64_t loop);
int arch_general_write(pid_t tid, const struct registers *registers) _must_check_;
long arch_result(const struct registers *registers); /* of a system call that has ended */
