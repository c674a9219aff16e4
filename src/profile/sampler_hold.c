/* Samples by holding the process for a moment, again and again: what waits is seen, too. So that the process
 * hardly feels it, it is held for a hundredth of the time at the most. */
#include "profile/sampler_parts.h"

#include "base/clock.h"
#include "capture/capture.h"
#include "capture/code_memory.h"
#include "trace/trace.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

enum { FREQUENCY = 10, FREQUENCY_MOST = 50, HELD_PART = 100, HOLD_MS = 500, FIRST_WAIT_MS = 5000 };

struct sampler_hold {
    struct sampler base; /* first */
    enum profile_what what;
    struct capture capture; /* of the last time */
    int timer_fd;
    uint64_t interval_ns;
    uint64_t rest_until_ns; /* on average, when the last hold is a hundredth of the time */
};

/* All captured stacks, over what doesn't change. */
struct stacks_memory {
    struct memory memory;
    struct naming *naming;
    const struct capture *capture;
    const struct capture_thread *thread;
};

static ssize_t stacks_read(const struct memory *memory, uint64_t address, void *bytes, size_t size)
{
    const struct stacks_memory *self = (const struct stacks_memory *)memory;
    size_t copied = capture_read_stack(self->capture, self->thread, address, bytes, size);

    if (copied > 0)
        return (ssize_t)copied;
    return memory_read(naming_code(self->naming), address, bytes, size);
}

static int count_thread(struct sampler_hold *self, const struct capture_thread *thread, uint64_t at_ns)
{
    static const struct memory_ops ops = {.name = "stacks", .read = stacks_read};
    struct stacks_memory memory = {
        .memory = {&ops}, .naming = self->base.naming, .capture = &self->capture, .thread = thread};
    struct sampler_stack stack;
    int r;

    if (self->what == PROFILE_CPU && thread->state != 'R')
        return 0;
    stack.count = 0;
    r = sampler_add_walk(&self->base, &thread->registers, &memory.memory, &stack);
    return r < 0 ? r : sampler_count(&self->base, at_ns, thread->id, thread->name, &stack);
}

/* wait_ms: for another procscope that holds it. */
static int capture(struct sampler_hold *self, uint64_t wait_ms, struct error *error)
{
    uint64_t began_ns = clock_monotonic_ns(), waited_ns = 0, now_ns, held_ns;
    const struct capture_options options = {.copy_stacks = true,
                                            .no_texts = true,
                                            .general_only = true,
                                            .deadline_ms = HOLD_MS,
                                            .wait_ms = wait_ms,
                                            .waited_ns = &waited_ns};
    struct trace *none;
    int r;

    capture_release(&self->capture);
    self->capture = (struct capture){0};
    r = capture_live(self->base.procfs, self->base.process, &options, &self->capture, &none, error);
    now_ns = clock_monotonic_ns();
    held_ns = r < 0 ? now_ns - began_ns - waited_ns : self->capture.held_ns; /* at the most */
    self->rest_until_ns = (self->rest_until_ns > now_ns ? self->rest_until_ns : now_ns) + held_ns * HELD_PART;
    return r;
}

/* A hold can come to take longer than at first: there may be more threads, or one that won't stop (it waits
 * for a disk, or in vfork), while the others do until the time is over. */
static bool is_resting(const struct sampler_hold *self)
{
    return clock_monotonic_ns() + self->interval_ns < self->rest_until_ns;
}

static int count_all(struct sampler_hold *self)
{
    uint64_t at_ns = clock_monotonic_ns();
    int r = 0;

    naming_compare(self->base.naming, &self->capture.maps);
    for (size_t i = 0; i < self->capture.thread_count && r == 0; i++)
        r = count_thread(self, &self->capture.threads[i], at_ns);
    return r;
}

static int hold_read(struct sampler *base, bool all)
{
    struct sampler_hold *self = (struct sampler_hold *)base;
    uint64_t ticks;
    int r;

    if (all)
        return 0;
    if (pidref_has_ended(base->process))
        return -ESRCH;
    if (read(self->timer_fd, &ticks, sizeof ticks) != sizeof ticks)
        return 0; /* not yet */
    if (is_resting(self)) {
        base->profile->lost++;
        return 0;
    }
    r = capture(self, self->interval_ns / 1000000, NULL);
    if (r == 0)
        return count_all(self);
    base->profile->lost++;
    return r == -ESRCH || r == -ENOMEM ? r : 0; /* traced by another just now, or too busy to be stopped */
}

static void hold_free(struct sampler *base)
{
    struct sampler_hold *self = (struct sampler_hold *)base;

    capture_release(&self->capture);
    (void)fd_close(base->fd);
    (void)fd_close(self->timer_fd);
    free(self);
}

/* As often as was asked for, or as it may be. */
static uint64_t interval_of(const struct sampler_hold *self, unsigned frequency)
{
    uint64_t interval_ns = 1000000000u / (frequency == 0               ? FREQUENCY
                                          : frequency > FREQUENCY_MOST ? FREQUENCY_MOST
                                                                       : frequency);
    uint64_t least_ns = self->capture.held_ns * HELD_PART;

    return interval_ns > least_ns ? interval_ns : least_ns;
}

/* The end of the process is heard of at once: the next hold may be seconds away. */
static int start_timer(struct sampler_hold *self)
{
    uint64_t interval_ns = self->interval_ns;
    struct epoll_event event = {.events = EPOLLIN};
    const struct timespec interval = {.tv_sec = (time_t)(interval_ns / 1000000000u),
                                      .tv_nsec = (long)(interval_ns % 1000000000u)};
    const struct itimerspec timer = {interval, interval};

    self->base.fd = epoll_create1(EPOLL_CLOEXEC);
    self->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (self->base.fd < 0 || self->timer_fd < 0 || timerfd_settime(self->timer_fd, 0, &timer, NULL) < 0 ||
        epoll_ctl(self->base.fd, EPOLL_CTL_ADD, self->timer_fd, &event) < 0 ||
        (self->base.process->pid_fd >= 0 &&
         epoll_ctl(self->base.fd, EPOLL_CTL_ADD, self->base.process->pid_fd, &event) < 0))
        return -errno;
    return 0;
}

int sampler_hold_new(const struct sampler_options *options, struct sampler *base,
                     struct sampler **ret_sampler, struct error *error)
{
    static const struct sampler_ops ops = {.read = hold_read, .free = hold_free};
    _cleanup_sampler_ struct sampler *made = NULL;
    struct sampler_hold *self = calloc(1, sizeof *self);
    uint64_t interval_ns;
    char how[160];
    int r;

    if (!self)
        return error_set(error, ENOMEM, "Out of memory.");
    self->base = *base;
    self->base.ops = &ops;
    self->timer_fd = -1;
    self->what = options->what;
    made = &self->base;
    r = sampler_prepare(made, error);
    if (r == 0)
        r = capture(self, FIRST_WAIT_MS, error); /* also tells how long it is held each time */
    if (r < 0)
        return error_ensure(error, r, "The process could not be held");
    self->interval_ns = interval_ns = interval_of(self, options->frequency);
    (void)snprintf(how, sizeof how, "Held %.1f times a second for about %.1f ms; %s.",
                   1e9 / (double)interval_ns, (double)self->capture.held_ns / 1e6,
                   options->what == PROFILE_CPU ? "threads that ran or were about to" : "all threads");
    r = sampler_begin(made, options->what, interval_ns, how, error);
    if (r == 0)
        r = error_ensure(error, count_all(self), "The first sample could not be counted");
    if (r == 0)
        r = error_ensure(error, start_timer(self), "No timer could be had");
    if (r < 0)
        return r;
    *ret_sampler = TAKE_PTR(made);
    return 0;
}
