/* Events of its own for each thread of a process, on each processor: the kernel has no other form that
 * several may write into one ring, and passes them on to the threads that a thread bears. */
#include "base/limits.h"
#include "perf/parts.h"
#include "proc/tasks.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

static int too_many(const struct perf *perf, const struct pidref *process, size_t threads,
                    struct error *error)
{
    return error_set(
        error, EACCES,
        "Process %d has %zu threads: to sample them one by one on %zu processors is more than the %u "
        "events that are allowed for one session; with CAP_PERFMON one for each processor is enough.",
        (int)process->pid, threads, perf->ring_count, LIMIT_PERF_EVENTS);
}

static int no_descriptors(const struct perf *perf, const struct pidref *process, size_t threads,
                          struct error *error)
{
    struct rlimit limit = {0};

    (void)getrlimit(RLIMIT_NOFILE, &limit); /* can't fail for ourselves */
    return error_set(
        error, EMFILE,
        "Sampling the %zu threads of process %d one by one on %zu processors takes %zu descriptors, and "
        "procscope may have %llu: raise the limit (ulimit -n, LimitNOFILE=); with CAP_PERFMON one for "
        "each processor is enough.",
        threads, (int)process->pid, perf->ring_count, threads * perf->ring_count,
        (unsigned long long)limit.rlim_cur);
}

/* -ESRCH: the thread has ended. */
static int thread_open(struct perf *perf, pid_t tid, const struct pidref *process, size_t threads,
                       struct error *error)
{
    for (size_t i = 0; i < perf->ring_count; i++) {
        struct perf_ring *ring = &perf->rings[i];
        int fd = perf_event_add(perf, tid, ring->processor), r = 0;

        if (fd == -ESRCH)
            return fd;
        if (fd == -ENODEV)
            continue; /* has been switched off */
        if (fd == -ENOBUFS)
            return too_many(perf, process, threads, error);
        if (fd == -EMFILE)
            return no_descriptors(perf, process, threads, error);
        if (fd < 0)
            return perf_refuse(process, perf, -fd, error);
        if (!ring->page)
            r = perf_ring_add(perf, ring, fd, error);
        else if (ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fd) < 0)
            r = error_errno(error, errno, "Cannot bring the events of a processor together");
        if (r < 0)
            return r;
    }
    return 0;
}

static bool contains(const struct id_list *list, pid_t id)
{
    size_t low = 0, high = list->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->items[middle] == id)
            return true;
        if (list->items[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Opens events for the threads that were not there the last time. */
static int pass(struct perf *perf, const struct pidref *process, const struct id_list *before,
                const struct id_list *now, size_t *ret_opened, struct error *error)
{
    size_t opened = 0;

    if (now->count > LIMIT_PERF_EVENTS / perf->ring_count)
        return too_many(perf, process, now->count, error);
    for (size_t i = 0; i < now->count; i++) {
        int r = contains(before, now->items[i])
                    ? -ESRCH
                    : thread_open(perf, now->items[i], process, now->count, error);

        if (r < 0 && r != -ESRCH)
            return r;
        opened += r == 0;
    }
    *ret_opened = opened;
    return 0;
}

/* A thread that is born after its mother got events has them from her; one that was born between the list and
 * that has none. Which of them a new one is can't be told: it gets its own, and its samples are counted once
 * (owners.h). Ends when nothing new was found, or with a process that bears them all the time: then from the
 * first pass on nearly all have theirs. */
int perf_threads_open(struct perf *perf, const struct pidref *process, struct error *error)
{
    _cleanup_id_list_ struct id_list before = {0};

    for (unsigned passes = 0; passes < LIMIT_RESCANS; passes++) {
        struct id_list now = {0};
        size_t opened = 0;
        int r = id_list_read(process->dir_fd, "task", &now);

        if (r == 0)
            r = pass(perf, process, &before, &now, &opened, error);
        id_list_release(&before);
        before = now;
        if (r == -ESRCH || (r == 0 && passes == 0 && opened == 0))
            return perf_refuse(process, perf, ESRCH, error);
        if (r < 0)
            return error_ensure(error, r, "Cannot list the threads of the process");
        if (opened == 0)
            return 0;
        if (passes > 0 && !perf->owners) {
            perf->owners = perf_owners_new(1000000000u / perf->facts.frequency);
            if (!perf->owners)
                return -ENOMEM;
        }
    }
    return 0;
}
