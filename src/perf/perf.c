#include "perf/perf.h"

#include "base/clock.h"
#include "base/limits.h"
#include "perf/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>

#define NS_PER_MS 1000000ull

enum {
    READ_EVERY_MS = 100,
    /* A record is in its ring microseconds after the time that stands in it; more, where a virtual processor
     * was taken away in between. */
    HOLD_BACK_MS = 5
};

static int options_check(const struct perf_options *options, struct error *error)
{
    if (options->frequency > LIMIT_PERF_FREQUENCY)
        return error_set(error, EINVAL, "At most %u samples a second can be taken.", LIMIT_PERF_FREQUENCY);
    if (options->stack_bytes > LIMIT_PERF_STACK)
        return error_set(error, EINVAL, "At most %u bytes of a stack can be taken with a sample.",
                         LIMIT_PERF_STACK);
    return 0;
}

/* The kernel names processes in our own pid namespace. */
static int process_check(const struct pidref *process, struct error *error)
{
    _cleanup_close_ int root = openat(process->dir_fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (!pidref_alive(process))
        return error_set(error, ESRCH, "Process with an Id of %d is not running.", (int)process->pid);
    if (root < 0 || !procfs_is_live(root))
        return error_set(
            error, ESRCH,
            "Process %d is seen through the /proc of another pid namespace: from here it cannot be "
            "sampled.",
            (int)process->pid);
    return 0;
}

/* A timer besides what the rings themselves say, which is only that they are half full. */
static int watch_open(struct perf *perf)
{
    const struct itimerspec every = {.it_value.tv_nsec = READ_EVERY_MS * NS_PER_MS,
                                     .it_interval.tv_nsec = READ_EVERY_MS * NS_PER_MS};
    struct epoll_event event = {.events = EPOLLIN};

    perf->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    perf->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (perf->epoll_fd < 0 || perf->timer_fd < 0 || timerfd_settime(perf->timer_fd, 0, &every, NULL) < 0 ||
        epoll_ctl(perf->epoll_fd, EPOLL_CTL_ADD, perf->timer_fd, &event) < 0)
        return -errno;
    return 0;
}

static int prepare(struct perf *perf, const struct pidref *process, const struct perf_options *options,
                   struct error *error)
{
    int r;

    perf_attributes(options, &perf->attributes);
    perf->pid = process->pid;
    perf->facts.frequency = (unsigned)perf->attributes.sample_freq;
    perf->layout.has_stack = options->stack_bytes > 0;
    perf->layout.registers = (unsigned)__builtin_popcountll(perf_register_mask);
    perf->spare = malloc(PERF_RECORD_SIZE_MAX);
    if (!perf->spare)
        return -ENOMEM;
    r = perf_processors_find(perf);
    if (r < 0)
        return error_errno(error, -r, "Cannot list the processors");
    perf->glances = calloc(perf->ring_count, sizeof perf->glances[0]);
    if (!perf->glances)
        return -ENOMEM;
    r = watch_open(perf);
    return r < 0 ? error_errno(error, -r, "Cannot watch for samples") : 0;
}

/* -EACCES without a sentence: that right is missing, and there is another way. */
static int processors_open(struct perf *perf, const struct pidref *process, enum perf_way way,
                           struct error *error)
{
    for (size_t i = 0; i < perf->ring_count; i++) {
        int fd = perf_event_add(perf, -1, perf->rings[i].processor), r;

        if (fd == -ENODEV)
            continue; /* has been switched off */
        if ((fd == -EACCES || fd == -EPERM) && way == PERF_ANY_WAY)
            return -EACCES;
        if (fd < 0)
            return perf_refuse(process, perf, -fd, error);
        r = perf_ring_add(perf, &perf->rings[i], fd, error);
        if (r < 0)
            return r;
    }
    return 0;
}

static int events_open(struct perf *perf, const struct pidref *process, enum perf_way way,
                       struct error *error)
{
    int r = -EACCES;

    perf->facts.way = PERF_BY_PROCESSOR;
    if (way != PERF_BY_THREAD)
        r = processors_open(perf, process, way, error);
    if (r == -EACCES && way != PERF_BY_PROCESSOR && perf->events.count == 0) {
        perf->facts.way = PERF_BY_THREAD;
        perf->attributes.inherit = 1;
        perf->attributes.inherit_thread = 1;
        perf->attributes.sample_type |= PERF_SAMPLE_ID;
        perf->layout.has_id = true;
        r = perf_threads_open(perf, process, error);
    }
    return r;
}

int perf_open(const struct pidref *process, const struct perf_options *options, struct perf **ret_perf,
              struct error *error)
{
    _cleanup_perf_ struct perf *perf = NULL;
    int r = options_check(options, error);

    if (r == 0)
        r = process_check(process, error);
    if (r < 0)
        return r;
    perf = calloc(1, sizeof *perf);
    if (!perf)
        return error_ensure(error, -ENOMEM, "Cannot sample the process");
    perf->epoll_fd = perf->timer_fd = -1;
    r = prepare(perf, process, options, error);
    if (r == 0)
        r = events_open(perf, process, options->way, error);
    if (r < 0)
        return error_ensure(error, r, "Cannot sample the process");
    if (!pidref_alive(process)) /* else the number may be another's by now */
        return perf_refuse(process, perf, ESRCH, error);
    perf->facts.cycles = perf->attributes.type == PERF_TYPE_HARDWARE;
    perf->facts.kernel_time = !perf->attributes.exclude_kernel;
    perf->facts.kernel_addresses = !perf->attributes.exclude_callchain_kernel;
    perf->facts.build_ids = perf->attributes.build_id;
    perf->facts.processors = perf->ring_count;
    perf->facts.descriptors = perf->events.count;
    perf->began_ns = clock_monotonic_ns();
    *ret_perf = TAKE_PTR(perf);
    return 0;
}

void perf_close(struct perf *perf)
{
    if (!perf)
        return;
    for (size_t i = 0; i < perf->ring_count; i++)
        perf_ring_unmap(&perf->rings[i]);
    for (size_t i = 0; i < perf->events.count; i++)
        (void)fd_close(perf->events.items[i]);
    (void)fd_close(perf->timer_fd);
    (void)fd_close(perf->epoll_fd);
    perf_owners_free(perf->owners);
    free(perf->events.items);
    free(perf->rings);
    free(perf->glances);
    free(perf->spare);
    free(perf);
}

void perf_stop(struct perf *perf)
{
    for (size_t i = 0; i < perf->events.count; i++)
        (void)ioctl(perf->events.items[i], PERF_EVENT_IOC_DISABLE, 0); /* can't fail on an event */
}

const struct perf_facts *perf_facts(const struct perf *perf)
{
    return &perf->facts;
}

int perf_fd_to_poll(const struct perf *perf)
{
    return perf->epoll_fd;
}

uint64_t perf_lost(const struct perf *perf)
{
    return perf->lost;
}

uint64_t perf_throttled(const struct perf *perf)
{
    return perf->throttled;
}

/* The descriptor is to be readable again when there is something new, not before. */
static void watch_reset(struct perf *perf)
{
    struct epoll_event events[64];
    uint64_t ticks;

    (void)!read(perf->timer_fd, &ticks, sizeof ticks); /* that there was none is as good */
    while (epoll_wait(perf->epoll_fd, events, ELEMENTS_OF(events), 0) == (int)ELEMENTS_OF(events))
        ;
}

static bool is_wanted(struct perf *perf, const struct perf_ring *ring, const struct perf_record *record)
{
    switch (record->kind) {
    case PERF_KIND_SAMPLE:
        return record->time_ns >= perf->began_ns &&
               (!perf->owners ||
                perf_owners_count(perf->owners, record->tid, ring->processor, record->id, record->time_ns));
    case PERF_KIND_BEGIN:
        /* A first thread is born with a process: ours has had its own before we came. */
        perf->reused |= record->tid == record->pid && record->time_ns > perf->began_ns;
        return !perf->reused;
    case PERF_KIND_LOST:
        perf->lost += record->lost;
        return false;
    case PERF_KIND_THROTTLED:
        perf->throttled++;
        return false;
    case PERF_KIND_OTHER:
        return false;
    default:
        return true;
    }
}

/* Hands over the next record of a ring and steps over it, whatever becomes of it. */
static int record_take(struct perf *perf, struct perf_ring *ring, const struct perf_glance *glance,
                       perf_taker take, void *context)
{
    struct perf_record record;
    const void *bytes;
    int r = 0;

    if (glance->header.size < sizeof glance->header || glance->header.size > ring->head - ring->read) {
        perf->lost++; /* not as the kernel writes: nobody knows where the next one begins */
        perf_ring_skip(ring, (size_t)(ring->head - ring->read));
        perf_ring_give_back(ring);
        return 0;
    }
    if (!perf->reused && (!glance->names_process || glance->pid == perf->pid)) {
        bytes = perf_ring_record(ring, glance->header.size, perf->spare);
        if (perf_record_parse(&perf->layout, bytes, glance->header.size, &record) < 0)
            perf->lost++;
        else if (is_wanted(perf, ring, &record))
            r = take(context, &record);
    }
    perf_ring_skip(ring, glance->header.size);
    perf_ring_give_back(ring);
    return r;
}

static void glance_at(struct perf *perf, size_t index)
{
    if (!perf->rings[index].page ||
        !perf_ring_glance(&perf->rings[index], perf->layout.has_id, &perf->glances[index]))
        perf->glances[index].time_ns = UINT64_MAX;
}

static size_t oldest(const struct perf *perf)
{
    size_t found = 0;

    for (size_t i = 1; i < perf->ring_count; i++)
        if (perf->glances[i].time_ns < perf->glances[found].time_ns)
            found = i;
    return found;
}

int perf_read(struct perf *perf, bool all, perf_taker take, void *context)
{
    uint64_t until = all ? UINT64_MAX : clock_monotonic_ns() - HOLD_BACK_MS * NS_PER_MS;
    int r = 0;

    watch_reset(perf);
    for (size_t i = 0; i < perf->ring_count; i++) {
        if (perf->rings[i].page)
            perf_ring_refresh(&perf->rings[i]);
        glance_at(perf, i);
    }
    for (size_t i = oldest(perf); r == 0 && perf->glances[i].time_ns < until; i = oldest(perf)) {
        r = record_take(perf, &perf->rings[i], &perf->glances[i], take, context);
        glance_at(perf, i);
    }
    return r;
}
