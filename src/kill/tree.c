#include "kill/tree.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/limits.h"
#include "kill/guard.h"
#include "kill/members.h"
#include "proc/stat.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

enum {
    STOP_MS = 1000,      /* for all to be stopped, so that none can fork any more ... */
    STOP_BUSY_MS = 8000, /* ... and while some only wait for a processor to stop on */
    STOP_PAUSE_NS = 200000,
    STOP_PAUSE_MAX_NS = 20000000,
    DEATH_MS = 5000,   /* for all to be gone after SIGKILL */
    FAREWELL_MS = 500, /* for a signal without grace, which need not end anybody */
    SECOND_TRIES = 5,  /* of a signal that did not go out, for want of a descriptor or memory */
    SECOND_TRY_NS = 10000000,
    RESCAN_MS = 50, /* how often new children are looked for during the grace time */
};

void kill_result_release(struct kill_result *result)
{
    id_list_release(&result->ended);
    id_list_release(&result->remaining);
    id_list_release(&result->kept);
}

static int put(struct id_list *list, pid_t pid)
{
    int r = ARRAY_RESERVE(list, 1, LIMIT_PROCESSES);

    if (r == 0)
        list->items[list->count++] = pid;
    return r;
}

static int check_root(const struct pidref *root, const struct kill_options *options, struct error *error)
{
    struct proc_stat stat;

    if (options->signal < 0 || options->signal > SIGRTMAX)
        return error_set(error, EINVAL, "There is no signal %d.", options->signal);
    if (proc_stat_read(root->dir_fd, &stat) < 0)
        return error_set(error, ESRCH, "Process with an Id of %d is not running.", root->pid);
    if (root->pid == 1)
        return error_set(error, EINVAL, "Process 1 is never ended: all others would end with it.");
    if ((stat.flags & PROC_FLAG_KERNEL_THREAD) != 0)
        return error_set(error, EINVAL, "Process %d is a thread of the kernel, which can't be ended.",
                         root->pid);
    if (root->pid == getpid())
        return error_set(error, EINVAL, "Process %d is procscope itself.", root->pid);
    for (size_t i = 0; i < options->spared_count; i++) {
        if (options->spared[i] == root->pid)
            return error_set(error, EINVAL, "Process %d belongs to procscope itself.", root->pid);
    }
    /* else those below it that are ours would be ended, and the one that is meant would stay */
    if (pidref_signal(root, 0) == -EPERM)
        return error_set(
            error, EPERM,
            "Not permitted to signal process %d, which belongs to another user; nothing was done. "
            "Run it as root, or as that user (sudo -u USER procscope kill %d).",
            root->pid, root->pid);
    return 0;
}

/* Signals those from `first` on, leaf first. */
static void signal_from(struct member_list *members, size_t first, int signal)
{
    for (size_t i = members->count; i-- > first;) {
        if (members->items[i].state != MEMBER_GONE && members->items[i].state != MEMBER_KEPT)
            (void)member_signal(members, &members->items[i], signal); /* its state says how it went */
    }
}

static int scan_until_nothing_new(struct member_list *members, int signal)
{
    size_t before;
    unsigned pass = 0;

    do {
        int r;

        before = members->count;
        r = member_list_scan(members);
        if (r < 0)
            return r;
        if (signal != 0)
            signal_from(members, before, signal);
    } while (members->count > before && ++pass < LIMIT_RESCANS);
    return 0;
}

static bool all_stopped(struct member_list *members)
{
    bool all = true;

    for (size_t i = 0; i < members->count; i++) {
        if (members->items[i].state != MEMBER_FOUND)
            continue;
        if (member_is_stopped(members, &members->items[i]))
            members->items[i].state = MEMBER_STOPPED;
        else
            all = false;
    }
    return all;
}

static void halt(struct member_list *members, struct member *member, const struct guard *guard)
{
    if (member->state != MEMBER_FOUND)
        return;
    /* What another has stopped is the other's to let run. */
    if (!member_is_stopped(members, member)) {
        guard_note(guard, member->pid, member->start_time);
        member->halted = true;
    }
    (void)member_signal(members, member, SIGSTOP); /* its state says how it went */
    member->halted = member->halted && member->state != MEMBER_KEPT;
}

/* On a machine that is busy, as by a tree that forks without end, it takes long until each has run once more
 * to see that it is stopped. Whoever gave up on them would kill those that still fork, and lose their
 * children. */
static bool some_will_stop(const struct member_list *members)
{
    for (size_t i = 0; i < members->count; i++)
        if (members->items[i].state == MEMBER_FOUND && !member_is_stuck(members, &members->items[i]))
            return true;
    return false;
}

/* Stops every member and finds the rest: parents first, as what is stopped forks no more, until a pass begins
 * with all stopped and finds none that is new. A thread in an uninterruptible wait does not stop: it is not
 * waited for longer than STOP_MS. */
static int stop_and_scan(struct member_list *members, const struct guard *guard)
{
    struct timespec pause = {.tv_nsec = STOP_PAUSE_NS};
    uint64_t begin_ns = clock_monotonic_ns();
    size_t stopped = 0;

    for (;;) {
        uint64_t waited_ms;
        bool settled;
        int r;

        for (; stopped < members->count; stopped++)
            halt(members, &members->items[stopped], guard);
        settled = all_stopped(members);
        r = member_list_scan(members);
        if (r < 0)
            return r;
        if (members->count == stopped && settled)
            return 0;
        waited_ms = (clock_monotonic_ns() - begin_ns) / 1000000;
        if (waited_ms > STOP_BUSY_MS || (waited_ms > STOP_MS && !some_will_stop(members)))
            return 0;
        if (members->count == stopped) {
            (void)nanosleep(&pause, NULL); /* cut short is as good */
            if (pause.tv_nsec < STOP_PAUSE_MAX_NS)
                pause.tv_nsec *= 2; /* the processors are theirs to stop on */
        }
    }
}

/* True when all are gone but for those that we may not signal, or that are not to be. */
static bool wait_all_gone(struct member_list *members, uint64_t deadline_ns)
{
    bool all = true;

    for (size_t i = members->count; i-- > 0;) {
        if (members->items[i].state != MEMBER_DENIED && members->items[i].state != MEMBER_KEPT &&
            !member_wait_gone(members, &members->items[i], deadline_ns))
            all = false;
    }
    return all;
}

/* Those that we have stopped and then could not end, though we might: again, else they run on. */
static void leave_none_halted(struct member_list *members)
{
    const struct timespec pause = {.tv_nsec = SECOND_TRY_NS};

    for (size_t i = 0; i < members->count; i++) {
        struct member *member = &members->items[i];
        bool sent = false;

        if (member->halted && member->state == MEMBER_KEPT) /* it was allowed when it was stopped */
            (void)member_signal(members, member, SIGCONT);
        if (!member->halted || member->state != MEMBER_DENIED)
            continue;
        for (unsigned tries = 0; !sent && member->state == MEMBER_DENIED && tries < SECOND_TRIES; tries++) {
            if (tries > 0)
                (void)nanosleep(&pause, NULL); /* cut short is as good */
            sent = member_signal(members, member, SIGKILL);
        }
        if (sent)
            member->state = MEMBER_FOUND;
        else if (member->state == MEMBER_DENIED)
            (void)member_signal(members, member, SIGCONT); /* its state says so already */
    }
}

/* After SIGKILL nobody forks: what a thread was just about to fork is found while its parent still dies. */
static int force(struct member_list *members)
{
    struct guard guard;
    int r;

    guard_start(&guard, members->procfs);
    r = stop_and_scan(members, &guard);
    signal_from(members, 0, SIGKILL); /* whatever happened: nobody may be left stopped */
    leave_none_halted(members);
    guard_end(&guard);
    if (r == 0)
        r = scan_until_nothing_new(members, SIGKILL);
    if (r == 0 && !wait_all_gone(members, clock_monotonic_ns() + DEATH_MS * 1000000ull))
        r = -ETIMEDOUT;
    return r;
}

/* Asks them to go, with nobody stopped: they are to act on the signal. Children that they still start get it,
 * too. */
static int ask(struct member_list *members, int signal, uint64_t grace_ms)
{
    uint64_t end_ns = clock_monotonic_ns() + grace_ms * 1000000;
    int r = scan_until_nothing_new(members, 0);

    if (r < 0)
        return r;
    signal_from(members, 0, signal);
    for (;;) {
        uint64_t now, next;

        /* One that was stopped before could not act. */
        for (size_t i = 0; i < members->count; i++) {
            if (members->items[i].state == MEMBER_FOUND && signal != SIGSTOP && signal != SIGTSTP &&
                member_is_stopped(members, &members->items[i]))
                (void)member_signal(members, &members->items[i], SIGCONT); /* its state says how it went */
        }
        r = scan_until_nothing_new(members, signal);
        if (r < 0)
            return r;
        now = clock_monotonic_ns();
        next = now + RESCAN_MS * 1000000ull;
        if (wait_all_gone(members, next < end_ns ? next : end_ns) || clock_monotonic_ns() >= end_ns)
            return 0;
    }
}

static int report(const struct member_list *members, bool dry_run, struct kill_result *result)
{
    for (size_t i = members->count; i-- > 0;) {
        const struct member *member = &members->items[i];
        bool ended = dry_run ? member->state != MEMBER_DENIED : member->state == MEMBER_GONE;
        int r = put(ended ? &result->ended : &result->remaining, member->pid);

        if (r == 0 && member->state == MEMBER_KEPT)
            r = put(&result->kept, member->pid);
        if (r < 0)
            return r;
    }
    return 0;
}

static int end_members(struct member_list *members, const struct kill_options *options)
{
    int r;

    if (options->grace_ms > 0) {
        r = ask(members, options->signal != 0 ? options->signal : SIGTERM, options->grace_ms);
        return r < 0 ? r : force(members);
    }
    if (options->signal == 0 || options->signal == SIGKILL)
        return force(members);
    r = scan_until_nothing_new(members, 0);
    if (r < 0)
        return r;
    signal_from(members, 0, options->signal);
    (void)wait_all_gone(members, clock_monotonic_ns() + FAREWELL_MS * 1000000ull); /* who stays is reported */
    return 0;
}

int kill_tree(const struct procfs *procfs, const struct pidref *root, const struct kill_options *options,
              struct kill_result *ret_result, struct error *error)
{
    _cleanup_member_list_ struct member_list members = {.procfs = procfs,
                                                        .spared = options->spared,
                                                        .spared_count = options->spared_count,
                                                        .may = options->may,
                                                        .may_data = options->may_data};
    struct kill_result result = {0};
    int r = check_root(root, options, error), reported;

    if (r < 0)
        return r;
    r = member_list_add_root(&members, root);
    if (r == 0)
        r = options->dry_run ? scan_until_nothing_new(&members, 0) : end_members(&members, options);
    reported = report(&members, options->dry_run, &result);
    if (r == 0)
        r = reported;
    if (r < 0 && r != -ETIMEDOUT) {
        kill_result_release(&result);
        return error_errno(error, -r, "The tree of process %d could not be ended", root->pid);
    }
    *ret_result = result;
    if (r == -ETIMEDOUT)
        return error_set(
            error, ETIMEDOUT,
            "%zu of %zu processes are still there after SIGKILL: they wait for a device or a network "
            "file system, and go when it answers.",
            ret_result->remaining.count, members.count);
    return 0;
}
