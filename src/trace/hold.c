#include "trace/hold.h"

#include "base/clock.h"
#include "trace/arch.h"
#include "trace/stop.h"
#include "trace/turn.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

enum {
    STUCK_SEIZE_MS = 10,         /* beyond which a PTRACE_SEIZE may be waiting for us */
    STACK_OF_HOLDER = 128 * 1024 /* bytes */
};

static struct timespec after_ms(long ms)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until); /* there is that clock */
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

/* With the lock held, as the next. */
static void do_work(struct hold *hold)
{
    int r;

    (void)pthread_mutex_unlock(&hold->lock);
    r = hold->work(hold, hold->work_argument);
    (void)pthread_mutex_lock(&hold->lock);
    hold->work = NULL;
    hold->work_result = r;
    (void)pthread_cond_broadcast(&hold->changed);
}

/* How long the process may still be held; negative: for as long as it takes. */
static long left_ms(const struct hold *hold)
{
    uint64_t length = hold_length_ns(hold);

    if (hold->most_ns == 0 || hold->let_go)
        return -1;
    return length < hold->most_ns ? (long)((hold->most_ns - length) / 1000000) + 1 : 0;
}

/* Whoever reads the process is told before it runs. */
static void run_out(struct hold *hold)
{
    atomic_store(&hold->ran_out, true);
    hold->most_ns = 0;
    (void)let_go(hold); /* what it could not let go is let go by our end */
}

static void wait_for_change(struct hold *hold)
{
    struct timespec until;
    long left = left_ms(hold);

    if (left == 0) {
        run_out(hold);
        return;
    }
    if (!hold->watch && left < 0) {
        (void)pthread_cond_wait(&hold->changed, &hold->lock);
        return;
    }
    until = after_ms(hold->watch && (left < 0 || left > HOLD_WATCH_MS) ? HOLD_WATCH_MS : left);
    if (pthread_cond_timedwait(&hold->changed, &hold->lock, &until) != ETIMEDOUT || hold->work ||
        !hold->watch)
        return;
    (void)pthread_mutex_unlock(&hold->lock);
    hold->watch(hold, hold->watch_argument);
    (void)pthread_mutex_lock(&hold->lock);
}

static void *holder_main(void *argument)
{
    struct hold *hold = argument;
    int unused, r;

    hold->holder = gettid();
    turn_mark_holder();                                            /* before it has any tracee */
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &unused); /* can't fail; but for one place */
    /* On a busy machine others are held for as long as this thread waits for a processor. Without the right
     * to this it goes on as it is. */
    (void)setpriority(PRIO_PROCESS, 0, -20);
    r = stop_all(hold);
    if (r < 0)
        (void)let_go(hold); /* what it could not let go is let go by our end */

    (void)pthread_mutex_lock(&hold->lock);
    if (hold->phase == HOLD_BEGINS) {
        hold->phase = r < 0 ? HOLD_FAILED : HOLD_STANDS;
        hold->result = r;
        (void)pthread_cond_broadcast(&hold->changed);
    }
    while (hold->phase == HOLD_STANDS) {
        if (hold->work)
            do_work(hold);
        else
            wait_for_change(hold);
    }
    (void)pthread_mutex_unlock(&hold->lock);

    if (r == 0)
        (void)let_go(hold); /* likewise */
    return NULL;
}

static int start_holder(struct hold *hold)
{
    pthread_attr_t attributes;
    sigset_t all, previous;
    int r = -pthread_attr_init(&attributes);

    if (r < 0)
        return r;
    r = -pthread_attr_setstacksize(&attributes, STACK_OF_HOLDER);
    if (r == 0) {
        /* The program's signals are for its other threads. */
        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &previous);
        r = -pthread_create(&hold->thread, &attributes, holder_main, hold);
        (void)pthread_sigmask(SIG_SETMASK, &previous, NULL);
    }
    (void)pthread_attr_destroy(&attributes);
    return r;
}

/* Helps it where it wants help, or else waits for it. true: that took long. */
static bool help_or_wait(struct hold *hold)
{
    struct timespec until;
    bool took_long;

    if (!looks_can_help(&hold->looks)) {
        until = after_ms(STUCK_SEIZE_MS);
        return pthread_cond_timedwait(&hold->changed, &hold->lock, &until) == ETIMEDOUT;
    }
    (void)pthread_mutex_unlock(&hold->lock);
    took_long = looks_help(&hold->looks, hold->process, clock_monotonic_ns() + STUCK_SEIZE_MS * 1000000ull);
    (void)pthread_mutex_lock(&hold->lock);
    return took_long;
}

/* Waits for the holder to succeed or fail. Meanwhile it frees what the holder may be stuck at: in
 * PTRACE_SEIZE, which waits for an execve, which waits for threads that ended and wait for their tracer; or
 * on a processor where it isn't let run. */
static void wait_for_holder(struct hold *hold)
{
    (void)pthread_mutex_lock(&hold->lock);
    while (hold->phase == HOLD_BEGINS) {
        if (!help_or_wait(hold))
            continue;
        if (clock_monotonic_ns() > hold->deadline_ns + 2 * STUCK_SEIZE_MS * 1000000ull) {
            hold->phase = HOLD_GIVEN_UP;
            (void)pthread_cancel(hold->thread); /* it acts on this only while it seizes */
            break;
        }
        (void)pthread_mutex_unlock(&hold->lock);
        thread_list_reap(&hold->threads, hold->process->pid);
        interrupted_call_back(&hold->moves);
        (void)pthread_mutex_lock(&hold->lock);
    }
    (void)pthread_mutex_unlock(&hold->lock);
}

/* A thread is joined as soon as it has left its memory, and lets go of its tracees only after that: so wait
 * until its id is gone, too. */
static void join_holder(struct hold *hold)
{
    (void)pthread_join(hold->thread, NULL); /* it is joinable, and not joined */
    while (hold->holder != 0 && tgkill(getpid(), hold->holder, 0) == 0)
        (void)sched_yield(); /* can't fail on Linux */
}

int hold_begin(struct hold *hold, const struct pidref *process, const struct trace_options *options,
               bool settled_only, uint64_t deadline_ns)
{
    pthread_condattr_t monotonic;
    int r;

    *hold = (struct hold){.process = process,
                          .deadline_ns = deadline_ns,
                          .general_only = options->general_only,
                          .settled_only = settled_only,
                          .most_ns = options->most_ms * 1000000};
    if (options->extended.size > 0) {
        hold->extended = options->extended;
        hold->extended_size = arch_extended_size();
    }
    r = thread_list_init(&hold->threads);
    if (r < 0)
        return r;
    (void)pthread_mutex_init(&hold->lock, NULL); /* none of these allocates or fails on Linux */
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&hold->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);

    r = start_holder(hold);
    if (r < 0)
        return r;
    wait_for_holder(hold);
    if (hold->phase == HOLD_STANDS)
        return 0;
    join_holder(hold);
    r = hold->phase == HOLD_GIVEN_UP ? -ETIMEDOUT : hold->result;
    hold->phase = HOLD_ENDS;
    return r;
}

int hold_run(struct hold *hold, int (*work)(struct hold *hold, void *argument), void *argument)
{
    int r;

    (void)pthread_mutex_lock(&hold->lock);
    hold->work = work;
    hold->work_argument = argument;
    (void)pthread_cond_broadcast(&hold->changed);
    while (hold->work)
        (void)pthread_cond_wait(&hold->changed, &hold->lock);
    r = hold->work_result;
    (void)pthread_mutex_unlock(&hold->lock);
    return r;
}

static int do_let_go(struct hold *hold, void *unused _unused_)
{
    return let_go(hold);
}

int hold_let_go(struct hold *hold)
{
    return hold_run(hold, do_let_go, NULL);
}

uint64_t hold_length_ns(const struct hold *hold)
{
    uint64_t end_ns = hold->let_go ? hold->last_detach_ns : clock_monotonic_ns();

    return hold->first_interrupt_ns == 0 ? 0 : end_ns - hold->first_interrupt_ns;
}

void hold_end(struct hold *hold, uint64_t *ret_held_ns)
{
    if (hold->phase == HOLD_STANDS) {
        (void)pthread_mutex_lock(&hold->lock);
        hold->phase = HOLD_ENDS;
        (void)pthread_cond_broadcast(&hold->changed);
        (void)pthread_mutex_unlock(&hold->lock);
        join_holder(hold);
    }
    if (ret_held_ns)
        *ret_held_ns = hold_length_ns(hold);
    (void)pthread_cond_destroy(&hold->changed);
    (void)pthread_mutex_destroy(&hold->lock);
    thread_list_forget(&hold->threads);
    id_list_release(&hold->ids);
    looks_release(&hold->looks);
}
