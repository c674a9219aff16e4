#include "trace/stop.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/parse.h"
#include "proc/stat.h"
#include "proc/status.h"
#include "trace/arch.h"
#include "trace/interrupted.h"
#include "trace/settle.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

/* Threads of the kernel that io_uring and vhost put among the process's own. They have no user registers, and
 * some of them never stop. */
#define PROC_FLAG_IO_WORKER 0x00000010u
#define PROC_FLAG_USER_WORKER 0x00004000u

enum {
    YIELDS_BEFORE_SLEEP = 50, /* fruitless sweeps that only give way, since a stop takes microseconds ... */
    SLEEP_NS = 50 * 1000,     /* ... then they pause */
    SWEEPS_BEFORE_LOOK = 64,  /* fruitless sweeps until the leader is looked at in /proc */
    SEIZE_TRIES = 3,
    WORTH_HELP = 16,           /* threads to look at */
    ALONE_BUDGET_NS = 5000000, /* for those that are stopped one by one */
};

static int read_thread_stat(const struct hold *hold, pid_t tid, struct proc_stat *ret_stat)
{
    return proc_stat_read_thread(hold->process->dir_fd, tid, ret_stat);
}

static bool is_dead(const struct proc_stat *stat)
{
    return stat->state == 'Z' || stat->state == 'X';
}

/* PTRACE_SEIZE takes the process's cred_guard_mutex, which an execve in progress holds: it can wait for long.
 */
static int seize_or_be_cancelled(pid_t tid)
{
    int type, state, r;

    (void)pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type); /* these four can't fail */
    (void)pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
    /* No options: each would have the thread stop for things that are none of our business. */
    r = ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0 ? -errno : 0;
    (void)pthread_setcancelstate(state, NULL);
    (void)pthread_setcanceltype(type, NULL);
    return r;
}

/* Why a thread may not be seized: -ESRCH it is dying, leave it out; 0: it is ours already. A thread that
 * calls execve takes over the leader's id, and remains ours. */
static int seize_refused(struct hold *hold, pid_t tid)
{
    _cleanup_close_ int fd = -1;
    struct proc_stat stat;
    struct proc_status status;

    if (task_open(hold->process, tid, &fd, NULL) < 0 || proc_stat_read(fd, &stat) < 0 || is_dead(&stat) ||
        proc_status_read(fd, &status) < 0)
        return -ESRCH;
    if (status.tracer == gettid())
        return 0;
    hold->culprit = tid;
    return status.tracer != 0 ? -EBUSY : -EPERM;
}

static int seize_one(struct hold *hold, pid_t tid)
{
    struct proc_stat stat;
    int r;

    if (read_thread_stat(hold, tid, &stat) < 0 || (is_dead(&stat) && tid != hold->process->pid)) {
        hold->changing = true;
        return 0;
    }
    if (is_dead(&stat) || (stat.flags & (PROC_FLAG_IO_WORKER | PROC_FLAG_USER_WORKER)) != 0) {
        hold->left_out++;
        return 0;
    }
    /* One that waits so may do so for long, and the others would be held meanwhile. */
    if (hold->settled_only && hold->first_interrupt_ns == 0 && stat.state == 'D') {
        hold->culprit = tid;
        return -EALREADY;
    }
    r = thread_list_add(&hold->threads, tid); /* first: nothing of ours may be unknown to the reaper */
    if (r < 0)
        return r;
    thread_keep_facts(&hold->threads.items[hold->threads.count - 1], &stat);
    /* Again where it is refused for no reason that is still there: the id may have passed in an execve from a
     * leader that had ended to a thread that lives. */
    for (int tries = 0; tries < SEIZE_TRIES; tries++) {
        r = seize_or_be_cancelled(tid);
        if (r == -EPERM)
            r = seize_refused(hold, tid);
        if (r != -EPERM && r != -EBUSY)
            break;
        (void)sched_yield(); /* can't fail on Linux */
    }
    if (r < 0)
        hold->threads.items[hold->threads.count - 1].state = TRACED_GONE;
    return r == -ESRCH ? 0 : r;
}

/* Before Linux 5.7 a look waits for an execve in progress, and that for threads which the helper is there to
 * reap. */
static bool look_may_hang(void)
{
    struct utsname names;
    uint64_t major, minor;
    const char *at = names.release, *end;

    if (uname(&names) < 0)
        return true;
    end = at + strlen(at);
    return !scan_u64(&at, end, &major) || !scan_char(&at, end, '.') || !scan_u64(&at, end, &minor) ||
           major < 5 || (major == 5 && minor < 7);
}

/* By the thread that waits for this one, while this one seizes. For fewer it isn't worth being woken. */
static int have_looked_at(struct hold *hold)
{
    int r = 0;

    if (hold->ids.count < WORTH_HELP || hold->looks.items || look_may_hang())
        return 0;
    (void)pthread_mutex_lock(&hold->lock);
    r = looks_begin(&hold->looks, hold->ids.items, hold->ids.count);
    (void)pthread_cond_broadcast(&hold->changed);
    (void)pthread_mutex_unlock(&hold->lock);
    return r;
}

/* Seizes what there is and is not yet known. */
static int seize_new(struct hold *hold, size_t *ret_new)
{
    size_t before = hold->threads.count;
    int r;

    hold->left_out = 0;
    hold->changing = false;
    id_list_release(&hold->ids);
    r = id_list_read(hold->process->dir_fd, "task", &hold->ids);
    if (r < 0)
        return r == -ENOENT ? -ESRCH : r;
    if (before == 0) {
        r = thread_list_reserve(&hold->threads, hold->ids.count + hold->ids.count / 8 + 16);
        if (r == 0)
            r = have_looked_at(hold);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < hold->ids.count; i++) {
        if (thread_list_knows(&hold->threads, hold->ids.items[i]))
            continue;
        r = seize_one(hold, hold->ids.items[i]);
        if (r < 0)
            return r;
    }
    if (hold->first_interrupt_ns == 0) /* else others are held already */
        looks_take(&hold->looks, hold->process, &hold->threads);
    *ret_new = hold->threads.count - before;
    return 0;
}

static int take_floating(struct hold *hold, struct traced_thread *thread)
{
    size_t room = hold->extended_size <= hold->extended.size ? hold->extended_size : 0;
    int r = hold->general_only ? 0
                               : arch_floating_read(thread->tid, &thread->registers, hold->extended.bytes,
                                                    room, &thread->extended_size);

    if (r < 0 || thread->extended_size == 0)
        return r;
    thread->extended = hold->extended.bytes;
    hold->extended.bytes += thread->extended_size;
    hold->extended.size -= thread->extended_size;
    return 0;
}

/* What look_at() answers where a thread that has stopped can't be read. */
static int not_read(struct hold *hold, const struct traced_thread *thread, int error)
{
    if (error == -ESRCH)
        return 0; /* killed in this very moment: the next sweep sees its end */
    hold->culprit = thread->tid;
    return error;
}

/* The thread is in a ptrace-stop. Mending comes first of all: should we be killed, what is mended is mended.
 */
static int take_stopped(struct hold *hold, struct traced_thread *thread, int status)
{
    int event = status >> 8;
    int signal = status & 0xff;
    int r = arch_general_read(thread->tid, &thread->registers);

    if (r < 0)
        return not_read(hold, thread, r);
    /* A thread of a process that was stopped before (EVENT_STOP with the stopping signal) saw its EINTR
     * coming without us. */
    if ((event == 0 || signal == SIGTRAP) && arch_mend_interrupted(thread->tid, &thread->registers))
        interrupted_shorten(hold->process, thread);
    thread->signal = event == 0 ? signal : 0; /* signal-delivery-stop: a signal was first */
    r = take_floating(hold, thread);
    if (r < 0)
        return not_read(hold, thread, r);
    thread->state = TRACED_STOPPED;
    return 1;
}

/* Looks whether the thread has stopped or ended. 1: one of them; 0: neither as yet. */
static int look_at(struct hold *hold, struct traced_thread *thread)
{
    siginfo_t info = {0};

    /* WNOWAIT leaves the stop's code in place. It is what the kernel goes on with when the tracer ends: were
     * it taken, a signal in delivery would be lost if we are killed. */
    if (waitid(P_PID, (id_t)thread->tid, &info, WSTOPPED | WEXITED | WNOWAIT | WNOHANG | __WALL) < 0) {
        if (errno == EINTR)
            return 0;
        thread->state = TRACED_GONE; /* ECHILD: collected, or it took another id in an execve */
        return 1;
    }
    if (info.si_pid == 0)
        return 0;
    if (info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED) {
        if (thread->tid != hold->process->pid)
            (void)thread_reap(thread->tid); /* false: the waiting thread did it */
        thread->state = TRACED_GONE;
        return 1;
    }
    return take_stopped(hold, thread, info.si_status);
}

/* For one that takes long. A leader that ends before its threads gives no sign to a tracer until they have
 * ended, too. And in an execve its id may have passed to a thread that was not interrupted, or by another id.
 */
static void look_again(struct hold *hold, struct traced_thread *thread)
{
    struct proc_stat stat;

    if (thread->tid != hold->process->pid || thread->state != TRACED_SEIZED)
        return;
    if (read_thread_stat(hold, thread->tid, &stat) == 0 && is_dead(&stat))
        thread->state = TRACED_GONE;
    else
        (void)ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL); /* ESRCH: it has ended, the sweep will see */
}

/* Sweeps over the threads until each has stopped or ended. In sweeps and not one by one:
 * those that stop early are mended early, whoever is late. */
static int wait_for_all(struct hold *hold)
{
    const struct timespec pause = {.tv_nsec = SLEEP_NS};

    for (unsigned fruitless = 0;; fruitless++) {
        size_t missing = 0;

        for (size_t i = 0; i < hold->threads.count; i++) {
            struct traced_thread *thread = &hold->threads.items[i];
            int r;

            if (thread->state != TRACED_SEIZED)
                continue;
            r = look_at(hold, thread);
            if (r < 0)
                return r;
            if (r > 0)
                fruitless = 0;
            if (fruitless % SWEEPS_BEFORE_LOOK == SWEEPS_BEFORE_LOOK - 1)
                look_again(hold, thread);
            if (thread->state == TRACED_SEIZED) {
                missing++;
                hold->culprit = thread->tid;
            }
        }
        if (missing == 0)
            break;
        if (clock_monotonic_ns() > hold->deadline_ns)
            return -ETIMEDOUT;
        if (fruitless < YIELDS_BEFORE_SLEEP)
            (void)sched_yield(); /* can't fail on Linux */
        else
            (void)nanosleep(&pause, NULL); /* cut short is as good */
    }
    hold->culprit = 0;
    return 0;
}

/* Whether all have stopped and are so still. An execve that a thread had begun before its stop kills the
 * others, stopped or not, and what has the leader's id then is that thread. Those that are not are to be
 * stopped again. */
static bool all_still_stopped(struct hold *hold)
{
    bool all = true;

    for (size_t i = 0; i < hold->threads.count; i++) {
        struct traced_thread *thread = &hold->threads.items[i];
        siginfo_t info = {0};

        if (thread->state == TRACED_GONE)
            continue;
        if (thread->state == TRACED_STOPPED &&
            waitid(P_PID, (id_t)thread->tid, &info, WSTOPPED | WEXITED | WNOWAIT | WNOHANG | __WALL) == 0 &&
            info.si_pid != 0 && (info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED))
            continue;
        thread->state = TRACED_SEIZED;
        all = false;
    }
    return all;
}

/* Between its interrupt and its mend a thread would see an EINTR if we were killed. So those that wait in
 * such calls are interrupted one at a time, and mended before the next: one call at the most, for
 * microseconds. As they sleep they stop at once; on a busy machine they may not, hence the budget. */
static int stop_one_by_one(struct hold *hold)
{
    uint64_t end_ns = clock_monotonic_ns() + ALONE_BUDGET_NS;

    for (size_t i = 0; i < hold->threads.count && clock_monotonic_ns() < end_ns; i++) {
        struct traced_thread *thread = &hold->threads.items[i];
        int r;

        if (!thread->alone || thread->state != TRACED_SEIZED)
            continue;
        if (interrupted_interrupt(hold->process, thread) < 0)
            continue;
        while ((r = look_at(hold, thread)) == 0 && clock_monotonic_ns() < end_ns)
            (void)sched_yield(); /* can't fail on Linux */
        if (r < 0)
            return r;
    }
    return 0;
}

static int stop_seized(struct hold *hold)
{
    int r;

    if (hold->first_interrupt_ns == 0) {
        interrupted_find_since(&hold->threads, &hold->moves);
        hold->first_interrupt_ns = clock_monotonic_ns();
        r = stop_one_by_one(hold);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < hold->threads.count; i++) {
        struct traced_thread *thread = &hold->threads.items[i];

        if (thread->state != TRACED_SEIZED)
            continue;
        (void)interrupted_interrupt(hold->process, thread); /* -ESRCH: it has ended, as the sweep will see */
    }
    r = wait_for_all(hold);
    return r < 0 ? r : thread_list_settle(&hold->threads);
}

/* Reading the directory can miss a thread where another ends meanwhile: so what counts is the kernel's
 * number, and nobody may have been ending. Nobody there at all: the process has ended, or its leader has in
 * an execve, before there is the thread that takes its place. 1: all there are were seen; 0: look again. */
static int saw_all(const struct hold *hold)
{
    struct proc_stat stat;

    if (proc_stat_read(hold->process->dir_fd, &stat) < 0)
        return -ESRCH;
    if (hold->threads.count == 0)
        return process_has_ended(hold->process) ? -ESRCH : 0;
    return !hold->changing && stat.thread_count == (int64_t)(hold->threads.count + hold->left_out);
}

/* After a stop the kernel's number alone says that there is nobody else: those that we know all stand still,
 * before and after it was read, so none of them can have left its place to another. Those left out are not
 * held, and can. */
static int saw_all_without_looking(struct hold *hold)
{
    int r = hold->left_out == 0 ? saw_all(hold) : 0;

    return r > 0 && !all_still_stopped(hold) ? 0 : r;
}

int stop_all(struct hold *hold)
{
    const struct timespec pause = {.tv_nsec = SLEEP_NS};
    unsigned passes = 0;

    for (;;) {
        size_t new;
        int r = seize_new(hold, &new);

        if (r < 0)
            return r;
        if (all_still_stopped(hold) && new == 0) {
            r = saw_all(hold);
            if (r == 0)
                (void)nanosleep(&pause, NULL); /* cut short is as good */
        } else {
            r = stop_seized(hold);
            passes++;
            if (r == 0)
                r = saw_all_without_looking(hold);
        }
        if (r != 0)
            return r < 0 ? r : 0;
        if (passes == LIMIT_RESCANS || clock_monotonic_ns() > hold->deadline_ns)
            return -ETIMEDOUT;
    }
}

int let_go(struct hold *hold)
{
    int r = 0;

    if (hold->let_go)
        return 0;
    for (size_t i = 0; i < hold->threads.count; i++) {
        struct traced_thread *thread = &hold->threads.items[i];

        if (thread->state == TRACED_STOPPED)
            interrupted_shorten_again(thread);
        /* ESRCH: killed while we held it. The kernel deals with it when this thread ends. */
        if (thread->state != TRACED_STOPPED ||
            ptrace(PTRACE_DETACH, thread->tid, NULL, (void *)(long)thread->signal) < 0)
            r = -ESRCH;
    }
    hold->last_detach_ns = clock_monotonic_ns();
    hold->let_go = true;
    return r;
}
