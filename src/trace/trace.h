/* The only caller of ptrace: a process held still, its registers, its memory.
 *
 * SEIZE and INTERRUPT, never ATTACH. Signals that arrive meanwhile are delivered; a process that was stopped
 * stays stopped; threads are rescanned until a pass finds none that is new. Right after its stop each thread
 * that was in a system call which the kernel would fail with EINTR (epoll_wait, sem*op, sigtimedwait,
 * io_getevents ...) is set to be restarted, at once, so that also our sudden death leaves no EINTR behind
 * (x86-64; other machines can't, see their arch file). What it has waited is taken from its timeout where
 * that is in a register (trace/interrupted.h); elsewhere its relative timeout starts afresh. docs/TARGET.md
 * has the table.
 *
 * ptrace is called by a thread of its own, which ends at the release: the other calls may come from any
 * thread, one at a time. Meanwhile no other thread may collect children it does not know (waitpid(-1)), and
 * the process gets SIGCHLDs. When we die, the kernel lets the process go. */
#pragma once

#include "base/error.h"
#include "memory/memory.h"
#include "proc/pidref.h"
#include "proc/stat.h"
#include "trace/registers.h"

struct trace;

/* Room for the registers beyond those of struct registers, as the machine's own regset gives them (x86-64:
 * NT_X86_XSTATE, with the vector registers). */
struct extended_area {
    uint8_t *bytes;
    size_t size;
};

/* What one thread's take at most; 0: this machine has none. */
size_t trace_extended_size(void);

/* What those of a thread take that has not asked the kernel for more; to estimate. */
size_t trace_extended_usual_size(void);

struct trace_options {
    bool general_only;             /* leave the floating registers zero, and the extended ones out */
    struct extended_area extended; /* size 0: don't read them. Borrowed, and must be there for as long as
                                      trace_extended() is asked. Threads that find no room go without */
    uint64_t wait_ms;     /* for another procscope that holds it, before we try, and for processors where
                             others take them all: three tries in all. 0: don't wait */
    bool once;            /* one try only where others take all processors */
    uint64_t *waited_ns;  /* gets how long that took; may be NULL */
    uint64_t deadline_ms; /* of one try to have every thread stopped; else all are let go and -ETIMEDOUT.
                             0 = 500 */
    uint64_t
        most_ms; /* then the process is let go whatever its reader does, and its memory reads as gone
                    (-ESRCH); trace_ran_out() tells that from a death. Not with a snapshot. 0: no limit */
};

/* Holds the whole process, but for threads that have ended (a leader may have, before its threads) and the
 * kernel's own workers among them (io_uring). What it may say:
 * - ESRCH: gone, or it died meanwhile;
 * - EBUSY: traced by another (the text names that process), or a zombie; by another procscope, after wait_ms;
 * - EINVAL: a kernel thread;
 * - EPERM: not permitted: the text says which of uid, capability, Yama, dumpable, namespace is in the way,
 * and the mend;
 * - EOPNOTSUPP: a 32-bit process;
 * - ETIMEDOUT: a thread did not stop in time (a vfork in progress, or a device that hangs). */
int trace_hold(const struct pidref *process, const struct trace_options *options, struct trace **ret_trace,
               struct error *error) _must_check_;

/* Lets everything go (the process runs on, or stays stopped if it was) and frees. Accepts NULL. ret_held_ns
 * (may be NULL): from the first interrupt to the last detach. */
void trace_release(struct trace *trace, uint64_t *ret_held_ns);

/* Of most_ms. */
bool trace_ran_out(const struct trace *trace);

/* What /proc said of a thread right before it was held. */
struct trace_facts {
    char name[COMM_MAX];
    char state;
    int priority, nice;
    uint64_t start_ticks, user_ticks, system_ticks;
};

size_t trace_thread_count(const struct trace *trace);
pid_t trace_thread_id(const struct trace *trace, size_t index);
const struct trace_facts *trace_thread_facts(const struct trace *trace, size_t index);
/* As they were at the stop. -ESRCH: leave that thread out. */
int trace_registers(const struct trace *trace, size_t index, struct registers *ret_registers) _must_check_;
/* NULL: that thread has none. */
const void *trace_extended(const struct trace *trace, size_t index, size_t *ret_size);
/* The held process's memory, through /proc/PID/mem; after trace_snapshot() that of the clone. Owned by the
 * trace. */
const struct memory *trace_memory(const struct trace *trace);

/* Why this user may not hold that process, in words, and the mend: used for errors and by `doctor`. */
enum trace_obstacle {
    TRACE_ALLOWED = 0,
    TRACE_OBSTACLE_GONE,
    TRACE_OBSTACLE_KERNEL_THREAD,
    TRACE_OBSTACLE_ZOMBIE,
    TRACE_OBSTACLE_TRACED,     /* by another, that is no procscope: of those each waits for its turn */
    TRACE_OBSTACLE_USER,       /* other uid and no CAP_SYS_PTRACE */
    TRACE_OBSTACLE_CAPABILITY, /* it has capabilities that we lack */
    TRACE_OBSTACLE_DUMPABLE,   /* prctl(PR_SET_DUMPABLE, 0), or it ran a set-uid program */
    TRACE_OBSTACLE_YAMA,       /* kernel.yama.ptrace_scope */
    TRACE_OBSTACLE_NAMESPACE,  /* our capabilities don't count in its user namespace */
    TRACE_OBSTACLE_SECCOMP,    /* a filter of ours refuses ptrace */
    TRACE_OBSTACLE_32_BIT,
};

struct trace_diagnosis {
    enum trace_obstacle obstacle;
    char reason[256]; /* what is in the way: one sentence */
    char mend[256];   /* what to do: one sentence, with the exact command where there is one */
};
void trace_diagnose(const struct procfs *procfs, const struct pidref *process,
                    struct trace_diagnosis *ret_diagnosis);
