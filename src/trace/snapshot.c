#include "trace/snapshot.h"

#include "base/clock.h"
#include "trace/inject.h"
#include "trace/room.h"
#include "trace/trace_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG /* linux/ptrace.h, Linux 6.4 */
#define PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG 0x4211
#endif

enum {
    BACK_MS = 2000, /* for the borrowed thread's way back: some steps, but a full machine may let it wait */
    LEAVE_MS = 200, /* for the keeper to end */
    CANDIDATES_MAX = 4,
};

struct making {
    struct trace *trace;
    const struct snapshot_options *options;
    uint64_t deadline_ns;
    const char *reason; /* a sentence */
    pid_t keeper, clone;
};

static int no(struct making *making, int r, const char *reason)
{
    making->reason = reason;
    return r;
}

/* prctl(PR_SET_SYSCALL_USER_DISPATCH): system calls from our program would raise SIGSYS. */
static bool dispatches_calls(pid_t tid)
{
    struct {
        uint64_t mode, selector, offset, length;
    } config = {0};

    return ptrace(PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, tid, sizeof config, &config) >= 0 &&
           config.mode != 0;
}

/* A restartable sequence may not be left and entered again. One that makes a system call is over. */
static bool in_restartable_sequence(pid_t tid, const struct memory *memory)
{
    enum { CRITICAL_SECTION = 8 }; /* offset of rseq_cs, linux/rseq.h */
    struct __ptrace_rseq_configuration config = {0};
    uint64_t section;

    if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, tid, sizeof config, &config) < 0)
        return errno != EINVAL && errno != EIO; /* a kernel without */
    if (config.rseq_abi_pointer == 0)
        return false;
    return memory_read_u64(memory, config.rseq_abi_pointer + CRITICAL_SECTION, &section) < 0 || section != 0;
}

static int clone_with(struct making *making)
{
    struct injection *injection = &making->trace->injection;
    int r = injection_start_keeper(injection, &making->keeper);

    if (r == 0)
        r = injection_clone(injection, making->keeper, &making->clone);
    switch (r) {
    case 0:
        return 0;
    case -ESRCH: /* should it be the process, injection_end() says so */
        return no(making, -EAGAIN, "The clone was killed at once.");
    case -EAGAIN:
        return no(making, r, "A limit of threads or processes is reached, of its user or of its cgroup.");
    case -ENOMEM:
        return no(making, r, "There is no memory for a clone.");
    case -ETIMEDOUT:
        return no(making, r, "The clone was not made in time.");
    default:
        return no(making, -EOPNOTSUPP, "The process could not be cloned.");
    }
}

/* Whether the thread, its keeper and the clone may make their calls. Where we die they make them by
 * themselves, so what harms is out of the question. */
static int check_filters(struct making *making, pid_t tid, bool *ret_settles)
{
    _cleanup_filter_list_ struct filter_list filters = {0};
    int r;

    *ret_settles = true;
    if (!making->options->has_filters)
        return 0;
    r = filters_read(tid, &filters);
    if (r < 0)
        return no(making, -EOPNOTSUPP, "The seccomp filters of the process can't be looked at.");
    for (size_t i = 0; i < PROGRAM_CALLS; i++)
        if (filters_judge(&filters, &arch_program_calls[i]) != FILTER_ALLOWS)
            return no(making, -EOPNOTSUPP, "A seccomp filter of the process forbids what a clone takes.");
    for (size_t i = 0; i < SETTLE_CALLS; i++)
        if (filters_judge(&filters, &arch_settle_calls[i]) == FILTER_HARMS)
            *ret_settles = false;
    return 0;
}

/* -EAGAIN with the thread as it was: another may do better. */
static int try_thread(struct making *making, struct traced_thread *thread, const struct vdso *vdso,
                      bool *ret_another)
{
    struct injection *injection = &making->trace->injection;
    bool settles;
    int ended, r = check_filters(making, thread->tid, &settles);

    *ret_another = false;
    if (r < 0)
        return r;
    r = injection_begin(injection, thread, vdso, settles, making->deadline_ns);
    *ret_another = r == -EAGAIN;
    if (r == -EOPNOTSUPP)
        (void)no(making, r, "The vdso has no room.");
    else if (r < 0)
        (void)no(making, r, "No thread could be borrowed.");
    else
        r = clone_with(making);
    injection->deadline_ns = clock_monotonic_ns() + BACK_MS * 1000000ull;
    ended = injection_end(injection);
    if (ended == 0)
        return r;
    if (making->clone != 0)
        clone_end(making->clone);
    making->clone = 0;
    *ret_another = false;
    return no(making, -ESRCH,
              ended == -ETIMEDOUT ? "A thread that was borrowed got no processor to come back in time."
                                  : "The process is gone, or a thread of it that was borrowed.");
}

static int make(struct hold *hold, void *argument)
{
    struct making *making = argument;
    const struct vdso vdso = {making->options->vdso_start, making->options->vdso_end};
    unsigned tried = 0;
    int r = no(making, -EAGAIN, "No thread is in a state to be borrowed.");

    for (size_t i = 0; i < hold->threads.count; i++)
        if (arch_waits_for_clones(&hold->threads.items[i].registers))
            return no(making, -EOPNOTSUPP,
                      "The process waits for children of all kinds, as a debugger does.");
    for (int wanted = 2; wanted >= 1; wanted--) {
        for (size_t i = 0; i < hold->threads.count && tried < CANDIDATES_MAX; i++) {
            struct traced_thread *thread = &hold->threads.items[i];
            bool another;

            if (thread->state != TRACED_STOPPED || thread->signal != 0 ||
                arch_borrowable(&thread->registers, making->trace->memory) != wanted ||
                (wanted == 1 && in_restartable_sequence(thread->tid, making->trace->memory)) ||
                dispatches_calls(thread->tid))
                continue;
            tried++;
            r = try_thread(making, thread, &vdso, &another);
            if (!another)
                return r;
        }
    }
    return r;
}

/* The process has ended, and the clone, too, was told to: who did waits for that, as systemd does before it
 * starts a service again. While the process lives it may be what is wanted a dump of. */
static bool is_in_the_way(const struct trace *trace)
{
    enum { TERMINATE = 1 << (SIGTERM - 1) };
    struct proc_status status;

    return proc_status_read(trace->clone_directory, &status) == 0 && status.parent != trace->process_id &&
           ((status.signals_pending | status.signals_shared_pending) & TERMINATE) != 0;
}

/* By the holder, now and then. The target's memory comes before our dump. A clone that was killed waits to be
 * collected, and the end of its container for that. */
static void watch(struct hold *hold _unused_, void *argument)
{
    struct trace *trace = argument;

    if (trace->clone_collected)
        return;
    trace->clone_collected = thread_reap(trace->clone);
    if (trace->clone_collected || trace->lost)
        return;
    if (room_is_scarce(trace->clone_directory))
        trace->lost = "The snapshot was given up, since the target's memory got scarce.";
    else if (is_in_the_way(trace))
        trace->lost = "The snapshot was given up: the process has ended, and the clone got a SIGTERM.";
    if (trace->lost)
        (void)kill(trace->clone, SIGKILL); /* ours by ptrace, so the pid is its own */
}

static int settle(struct hold *hold, void *argument)
{
    struct trace *trace = argument;

    clone_settle(&trace->injection, trace->clone);
    hold->watch = watch;
    hold->watch_argument = trace;
    return 0;
}

static int end_clone(struct hold *hold, void *argument)
{
    struct trace *trace = argument;

    hold->watch = NULL;
    if (!trace->clone_collected)
        clone_end(trace->clone);
    /* It collects the clone and ends by itself. Where the process is stopped it can't, until it goes on. */
    for (unsigned i = 0; i < LEAVE_MS; i++) {
        const struct timespec pause = {.tv_nsec = 1000000};

        if (tgkill(trace->process_id, trace->keeper, 0) < 0 && errno == ESRCH)
            break;
        (void)nanosleep(&pause, NULL); /* cut short is as good */
    }
    return 0;
}

/* Through the same procfs as the process: pids are those of its mount. */
static int open_clone(struct trace *trace, const struct pidref *process)
{
    _cleanup_close_ int directory = -1, fd = -1;
    struct memory *memory;
    char path[32];
    int r;

    (void)snprintf(path, sizeof path, "../%d", (int)trace->clone); /* fits */
    directory = openat(process->dir_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -errno;
    fd = openat(directory, "mem", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    r = memory_fd_new(fd, &memory);
    if (r < 0)
        return r;
    (void)TAKE_FD(fd); /* the memory's now */
    memory_free(trace->memory);
    trace->memory = memory;
    trace->clone_directory = TAKE_FD(directory);
    return 0;
}

int trace_snapshot(struct trace *trace, const struct pidref *process, const struct snapshot_options *options,
                   struct error *error)
{
    struct making making = {.trace = trace,
                            .options = options,
                            .deadline_ns = clock_monotonic_ns() + options->deadline_ms * 1000000};
    int r = hold_run(&trace->hold, make, &making);

    if (r < 0)
        return error_set(error, -r, "%s", making.reason);
    trace->clone = making.clone;
    trace->keeper = making.keeper;
    trace->process_id = process->pid;
    r = open_clone(trace, process);
    if (r < 0) {
        (void)hold_run(&trace->hold, end_clone, trace); /* says 0 */
        trace->clone = 0;
        /* who has no memory any more is open to nobody but root */
        if (r == -ESRCH || r == -ENOENT || r == -EACCES)
            return error_set(error, EAGAIN, "The clone was killed at once.");
        return error_errno(error, -r, "The clone's memory can't be read");
    }
    return 0;
}

void trace_let_go(struct trace *trace, uint64_t *ret_held_ns)
{
    int r = hold_let_go(&trace->hold);

    if (ret_held_ns)
        *ret_held_ns = hold_length_ns(&trace->hold);
    if (r == 0) {
        (void)hold_run(&trace->hold, settle, trace); /* says 0 */
        return;
    }
    /* A process that was killed meanwhile is let go by the holder's end only, and its parent waits for it:
     * the clone goes, too. */
    trace->lost = "The process was killed while it was held.";
    hold_end(&trace->hold, NULL);
    trace->begun = false;
    trace->clone = 0;
}

static int end_late(struct hold *hold _unused_, void *argument)
{
    struct trace *trace = argument;

    injection_end_late(&trace->injection);
    return 0;
}

void snapshot_end(struct trace *trace)
{
    if (trace->begun && trace->injection.is_late) {
        (void)hold_let_go(&trace->hold);               /* what can't be let go, our end lets go */
        (void)hold_run(&trace->hold, end_late, trace); /* says 0 */
    }
    if (trace->clone != 0)
        (void)hold_run(&trace->hold, end_clone, trace); /* says 0 */
    trace->clone = 0;
    trace->clone_directory = fd_close(trace->clone_directory);
}

int trace_clone_directory(const struct trace *trace)
{
    return trace->clone_directory;
}

pid_t trace_clone_id(const struct trace *trace)
{
    return trace->clone;
}

const char *trace_clone_lost(const struct trace *trace)
{
    return trace->lost ? trace->lost : "The snapshot was killed.";
}
