#include "trace/trace.h"

#include "base/clock.h"
#include "proc/stat.h"
#include "proc/tasks.h"
#include "trace/arch.h"
#include "trace/settle.h"
#include "trace/trace_parts.h"
#include "trace/turn.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* A stop takes a few milliseconds even with a thousand threads. What has not stopped after this long sits in
 * a wait that nobody can tell the end of, and all the others are held meanwhile: better none of it. */
enum { DEADLINE_MS = 500 };

static int open_memory_of_thread(const struct pidref *process, pid_t tid, struct memory **ret_memory)
{
    _cleanup_close_ int task_fd = -1, fd = -1;
    struct proc_stat stat;
    int r;

    if (task_open(process, tid, &task_fd, NULL) < 0 || proc_stat_read(task_fd, &stat) < 0 ||
        stat.state == 'Z' || stat.state == 'X')
        return -ESRCH;
    fd = openat(task_fd, "mem", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    r = memory_fd_new(fd, ret_memory);
    if (r == 0)
        (void)TAKE_FD(fd); /* the memory's now */
    return r;
}

/* /proc/PID/mem through a thread that lives: a leader that has ended has no memory, though the process has.
 * In an execve there is for a moment no such thread: hence more than one try. */
static int open_memory(const struct pidref *process, struct memory **ret_memory)
{
    enum { TRIES = 20, PAUSE_NS = 500 * 1000 };
    const struct timespec pause = {.tv_nsec = PAUSE_NS};

    for (int tries = 0; tries < TRIES; tries++) {
        _cleanup_id_list_ struct id_list ids = {0};
        int r = open_memory_of_thread(process, process->pid, ret_memory); /* nearly always */

        if (r != -ESRCH)
            return r;
        r = id_list_read(process->dir_fd, "task", &ids);
        if (r < 0)
            return r == -ENOENT ? -ESRCH : r;
        for (size_t i = 0; i < ids.count; i++) {
            r = open_memory_of_thread(process, ids.items[i], ret_memory);
            if (r != -ESRCH)
                return r;
        }
        if (process_has_ended(process))
            break;
        (void)nanosleep(&pause, NULL); /* cut short is as good */
    }
    return -ESRCH;
}

/* A process that has called execve since its memory was opened has another one now; the old one gives
 * nothing. */
static int refresh_memory(struct trace *trace, const struct pidref *process)
{
    struct memory *memory = NULL;
    char byte;
    int r;

    for (size_t i = 0; i < trace->hold.threads.count; i++) {
        uint64_t address = registers_stack_pointer(&trace->hold.threads.items[i].registers);

        if (memory_read(trace->memory, address, &byte, 1) == 1)
            return 0;
    }
    r = open_memory(process, &memory);
    if (r < 0)
        return r;
    memory_free(trace->memory);
    trace->memory = memory;
    return 0;
}

/* As far as it can be seen; TRACE_OBSTACLE_GONE where nothing can. */
static enum trace_obstacle obstacle_of(const struct pidref *process)
{
    struct procfs procfs;
    struct trace_diagnosis diagnosis;

    if (procfs_open("/proc", &procfs, NULL) < 0)
        return TRACE_OBSTACLE_GONE;
    trace_diagnose(&procfs, process, &diagnosis);
    procfs_close(&procfs);
    return diagnosis.obstacle;
}

static int refused(const struct pidref *process, int r, struct error *error)
{
    struct procfs procfs;
    struct trace_diagnosis diagnosis;

    if (procfs_open("/proc", &procfs, NULL) < 0)
        return error_errno(error, -r, "Process %d can't be held", process->pid);
    trace_diagnose(&procfs, process, &diagnosis);
    procfs_close(&procfs);
    if (diagnosis.obstacle == TRACE_ALLOWED)
        return error_errno(error, -r, "Process %d can't be held", process->pid);
    return error_set(error, -r, "%s %s", diagnosis.reason, diagnosis.mend);
}

static int gone(const struct pidref *process, struct error *error)
{
    return error_set(error, ESRCH, "Process with an Id of %d is not running.", process->pid);
}

/* A thread comes to its stop by itself: it has to get a processor first. */
static bool is_ready_to_run(const struct pidref *process, pid_t tid)
{
    _cleanup_close_ int fd = -1;
    struct proc_stat stat;

    return task_open(process, tid, &fd, NULL) == 0 && proc_stat_read(fd, &stat) == 0 && stat.state == 'R';
}

/* In words, why the hold did not come about. */
static int explain(const struct pidref *process, int r, pid_t culprit, uint64_t deadline_ms,
                   struct error *error)
{
    switch (r) {
    case -ESRCH:
        return gone(process, error);
    case -EPERM:
    case -EACCES:
        return refused(process, -EPERM, error);
    case -EBUSY:
        return refused(process, -EBUSY, error);
    case -EOPNOTSUPP:
        return error_set(error, EOPNOTSUPP, "Process %d runs 32-bit code, which is not supported.",
                         process->pid);
    case -ETIMEDOUT:
        if (culprit == 0)
            return error_set(
                error, ETIMEDOUT,
                "The threads of process %d could not be stopped within %llu ms: it starts new ones "
                "all the time, or an execve is in progress. It runs on.",
                process->pid, (unsigned long long)deadline_ms);
        if (is_ready_to_run(process, culprit))
            return error_set(
                error, ETIMEDOUT,
                "Thread %d of process %d did not stop within %llu ms: it is ready to run and waits for a "
                "processor (others take them all, or cpu.max of its cgroup throttles it). The process runs "
                "on.",
                culprit, process->pid, (unsigned long long)deadline_ms);
        return error_set(
            error, ETIMEDOUT,
            "Thread %d of process %d did not stop within %llu ms: it is in an uninterruptible wait (a "
            "vfork whose child has not yet started its program, or a device or network file system "
            "that does not answer). The process runs on.",
            culprit, process->pid, (unsigned long long)deadline_ms);
    default:
        return error_errno(error, -r, "Process %d can't be held", process->pid);
    }
}

static int check_kind(const struct pidref *process, struct error *error)
{
    struct proc_stat stat;

    if (!pidref_alive(process) || proc_stat_read(process->dir_fd, &stat) < 0)
        return gone(process, error);
    if (process->pid == getpid())
        return error_set(
            error, EINVAL,
            "Process %d is this procscope itself, which can't hold itself still: look at it with "
            "another one.",
            process->pid);
    if ((stat.flags & PROC_FLAG_KERNEL_THREAD) != 0)
        return refused(process, -EINVAL, error);
    if (process_has_ended(process))
        return refused(process, -EBUSY, error);
    if (is_32_bit(process))
        return refused(process, -EOPNOTSUPP, error);
    return 0;
}

/* From now on its memory is gone when the time has run out. */
static int limit_memory(struct trace *trace)
{
    struct memory *limited;
    int r = held_memory_new(trace->memory, &trace->hold, &limited);

    if (r == 0)
        trace->memory = limited;
    return r;
}

/* Not where it may be let go at any time: from then on the number could become another's. */
static int read_by_pid(struct trace *trace, pid_t pid)
{
    struct memory *memory;
    int r = process_memory_new(trace->memory, pid, &memory);

    if (r == 0)
        trace->memory = memory;
    return r;
}

/* To hold a process, with as many tries as it takes. */
struct attempt {
    const struct pidref *process;
    const struct trace_options *options;
    uint64_t deadline_ms, deadline_ns; /* to have it stopped, from when nobody else holds it */
    uint64_t wait_until_ns;            /* for others of ours */
    uint64_t waited_ns;
    unsigned tries; /* in vain, without a reason that can be found */
    uint64_t puzzled_until_ns;
    unsigned starved;   /* by a thread that got no processor to stop on */
    unsigned unsettled; /* after which threads were waited for */
    pid_t culprit;
};

static int try_hold(struct trace *trace, struct attempt *attempt)
{
    enum { SETTLED_TRIES = 3 }; /* who waits again and again, each time briefly, is stopped nevertheless */
    const struct pidref *process = attempt->process;
    const struct trace_options *options = attempt->options;
    int r = open_memory(process, &trace->memory);

    if (r < 0)
        return r;
    r = hold_begin(&trace->hold, process, options, attempt->unsettled < SETTLED_TRIES, attempt->deadline_ns);
    trace->begun = true;
    attempt->culprit = trace->hold.culprit;
    if (r == 0)
        r = refresh_memory(trace, process);
    if (r == 0 && !pidref_alive(process))
        r = -ESRCH;
    if (r == 0 && options->most_ms > 0)
        r = limit_memory(trace);
    else if (r == 0 && thread_list_knows(&trace->hold.threads, process->pid))
        r = read_by_pid(trace, process->pid);
    return r;
}

/* 0: try again. */
static int wait_for_turn(struct attempt *attempt, struct error *error)
{
    uint64_t began_ns = clock_monotonic_ns(), waited_ns;
    pid_t tracer = 0;
    int r = turn_wait(attempt->process, attempt->culprit, attempt->wait_until_ns, &tracer);

    waited_ns = clock_monotonic_ns() - began_ns;
    attempt->waited_ns += waited_ns;
    if (r == -EBUSY)
        return explain(attempt->process, r, attempt->culprit, attempt->deadline_ms, error);
    if (r < 0)
        return error_set(
            error, EBUSY,
            "Process %d is held by procscope already, by thread %d, which has not let it go within %" PRIu64
            " ms: a dump without a snapshot takes long. Try again.",
            (int)attempt->process->pid, (int)tracer, attempt->options->wait_ms);
    return 0;
}

/* Whether to try again. Others have the processors: a few times, for who may wait, and as long in between as
 * the threads that did stop were held. */
static bool rest_after_starving(struct attempt *attempt)
{
    enum { STARVED_TRIES = 3 };
    const struct timespec pause = {.tv_sec = (time_t)(attempt->deadline_ms / 1000),
                                   .tv_nsec = (long)(attempt->deadline_ms % 1000 * 1000000)};

    if (attempt->options->once || ++attempt->starved >= STARVED_TRIES ||
        clock_monotonic_ns() >= attempt->wait_until_ns ||
        !is_ready_to_run(attempt->process, attempt->culprit))
        return false;
    (void)nanosleep(&pause, NULL); /* cut short is as good */
    attempt->deadline_ns = clock_monotonic_ns() + attempt->deadline_ms * 1000000;
    return true;
}

/* In an execve ids pass from threads that end to others, and for a moment nobody may be traced; or another of
 * ours had it, and has let it go by now. Where many want it that may come again and again: then for a while,
 * with pauses. */
static bool may_try_again(struct attempt *attempt)
{
    enum { TRIES = 5, PUZZLED_MS = 500 };
    const struct timespec pause = {.tv_nsec = 2000000};

    if (attempt->tries++ < TRIES) {
        attempt->puzzled_until_ns = clock_monotonic_ns() + PUZZLED_MS * 1000000ull;
        return true;
    }
    if (attempt->options->wait_ms == 0 || clock_monotonic_ns() > attempt->puzzled_until_ns)
        return false;
    (void)nanosleep(&pause, NULL); /* cut short is as good */
    attempt->deadline_ns = clock_monotonic_ns() + attempt->deadline_ms * 1000000;
    return true;
}

/* 0: try again. */
static int after_failure(struct attempt *attempt, int r, struct error *error)
{
    enum trace_obstacle obstacle = TRACE_OBSTACLE_GONE;

    if (r == -EALREADY) {
        attempt->unsettled++;
        r = settle_wait(attempt->process, attempt->deadline_ns, &attempt->culprit);
        return r < 0 ? explain(attempt->process, r, attempt->culprit, attempt->deadline_ms, error) : 0;
    }
    if (r == -EPERM || r == -EACCES || r == -EBUSY)
        obstacle = obstacle_of(attempt->process);
    if (obstacle == TRACE_OBSTACLE_TRACED) /* by one who came after the one who was in the way */
        r = -EBUSY;
    if (r == -EBUSY && attempt->culprit != 0) {
        int waited = wait_for_turn(attempt, error);

        if (waited < 0)
            return waited;
        attempt->deadline_ns = clock_monotonic_ns() + attempt->deadline_ms * 1000000;
        if (clock_monotonic_ns() < attempt->wait_until_ns) {
            attempt->tries = 0; /* others of ours come first again and again: while there is time */
            return 0;
        }
    }
    if (r == -ETIMEDOUT && attempt->culprit != 0 && rest_after_starving(attempt))
        return 0;
    if (obstacle == TRACE_ALLOWED && may_try_again(attempt))
        return 0;
    return explain(attempt->process, r, attempt->culprit, attempt->deadline_ms, error);
}

static int attempt_hold(struct attempt *attempt, struct trace **ret_trace, struct error *error)
{
    int r = check_kind(attempt->process, error);

    while (r == 0) {
        struct trace *trace = calloc(1, sizeof *trace);

        if (!trace)
            return error_errno(error, ENOMEM, "Process %d can't be held", attempt->process->pid);
        trace->clone_directory = -1;
        attempt->culprit = 0;
        r = try_hold(trace, attempt);
        if (r == 0) {
            *ret_trace = trace;
            return 0;
        }
        trace_release(trace, NULL);
        r = after_failure(attempt, r, error);
    }
    return r;
}

int trace_hold(const struct pidref *process, const struct trace_options *options, struct trace **ret_trace,
               struct error *error)
{
    static const struct trace_options none;
    struct attempt attempt = {.process = process, .options = options ? options : &none};
    int r;

    attempt.deadline_ms = attempt.options->deadline_ms > 0 ? attempt.options->deadline_ms : DEADLINE_MS;
    attempt.deadline_ns = clock_monotonic_ns() + attempt.deadline_ms * 1000000;
    attempt.wait_until_ns = clock_monotonic_ns() + attempt.options->wait_ms * 1000000;
    r = attempt_hold(&attempt, ret_trace, error);
    if (attempt.options->waited_ns)
        *attempt.options->waited_ns = attempt.waited_ns;
    return r;
}

void trace_release(struct trace *trace, uint64_t *ret_held_ns)
{
    if (!trace)
        return;
    snapshot_end(trace);
    if (trace->begun)
        hold_end(&trace->hold, ret_held_ns);
    memory_free(trace->memory);
    free(trace);
}

bool trace_ran_out(const struct trace *trace)
{
    return atomic_load(&trace->hold.ran_out);
}

size_t trace_thread_count(const struct trace *trace)
{
    return trace->hold.threads.count;
}

pid_t trace_thread_id(const struct trace *trace, size_t index)
{
    return trace->hold.threads.items[index].tid;
}

const struct trace_facts *trace_thread_facts(const struct trace *trace, size_t index)
{
    return &trace->hold.threads.items[index].facts;
}

int trace_registers(const struct trace *trace, size_t index, struct registers *ret_registers)
{
    if (index >= trace->hold.threads.count)
        return -EINVAL;
    *ret_registers = trace->hold.threads.items[index].registers;
    return 0;
}

size_t trace_extended_usual_size(void)
{
    return arch_extended_usual_size();
}

size_t trace_extended_size(void)
{
    return arch_extended_size();
}

const void *trace_extended(const struct trace *trace, size_t index, size_t *ret_size)
{
    const struct traced_thread *thread = &trace->hold.threads.items[index];

    *ret_size = thread->extended_size;
    return thread->extended_size > 0 ? thread->extended : NULL;
}

const struct memory *trace_memory(const struct trace *trace)
{
    return trace->memory;
}
