#include "base/array.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/parse.h"
#include "perf/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static int event_open(const struct perf_event_attr *attributes, pid_t tid, int processor)
{
    long fd = syscall(SYS_perf_event_open, attributes, tid, processor, -1, PERF_FLAG_FD_CLOEXEC);

    return fd < 0 ? -errno : (int)fd;
}

/* The first one shows what this kernel and our rights are good for. Gives up what is not to be had, by the
 * errno that the kernel has for it; what is left is what all others are opened with. */
static int first_open(struct perf_event_attr *attributes, pid_t tid, int processor)
{
    struct perf_event_attr tried = *attributes;
    int fd = event_open(&tried, tid, processor);

    /* A virtual machine often has no counters; and they may all be in use. */
    if ((fd == -ENOENT || fd == -ENODEV || fd == -EOPNOTSUPP || fd == -EBUSY) &&
        tried.type == PERF_TYPE_HARDWARE) {
        tried.type = PERF_TYPE_SOFTWARE;
        tried.config = PERF_COUNT_SW_CPU_CLOCK;
        fd = event_open(&tried, tid, processor);
    }
    if (fd == -EINVAL && tried.inherit_thread) { /* Linux 5.13: without it, child processes inherit, too */
        tried.inherit_thread = 0;
        fd = event_open(&tried, tid, processor);
    }
    if (fd == -EINVAL && tried.build_id) { /* Linux 5.12 */
        tried.build_id = 0;
        fd = event_open(&tried, tid, processor);
    }
    if (fd == -EACCES) { /* kernel.perf_event_paranoid 2: only what the process itself does may be seen */
        tried.exclude_kernel = 1;
        tried.exclude_callchain_kernel = 1;
        fd = event_open(&tried, tid, processor);
    }
    if (fd >= 0)
        *attributes = tried;
    return fd;
}

int perf_event_add(struct perf *perf, pid_t tid, int processor)
{
    int fd, r = ARRAY_RESERVE(&perf->events, 1, LIMIT_PERF_EVENTS);

    if (r < 0)
        return r;
    fd = perf->events.count == 0 ? first_open(&perf->attributes, tid, processor)
                                 : event_open(&perf->attributes, tid, processor);
    if (fd >= 0)
        perf->events.items[perf->events.count++] = fd;
    return fd;
}

/* Of locked memory, kernel.perf_event_mlock_kb a processor is free for each user; with what is more, counted
 * together, a user stays below RLIMIT_MEMLOCK. A quarter of all leaves something for the next session. */
static size_t free_room(const struct perf *perf)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(64);
    struct rlimit limit = {0};
    uint64_t kib = 516, bytes, page = (uint64_t)sysconf(_SC_PAGESIZE); /* as most have it */

    (void)getrlimit(RLIMIT_MEMLOCK, &limit); /* can't fail for ourselves */
    if (io_read_file_at(AT_FDCWD, "/proc/sys/kernel/perf_event_mlock_kb", &text) == 0) {
        const char *cursor = buffer_string(&text);
        (void)scan_u64(&cursor, cursor + text.size, &kib); /* else as above */
    }
    bytes = kib < LIMIT_PERF_RINGS / 1024 ? kib * 1024 : LIMIT_PERF_RINGS;
    if ((limit.rlim_cur / perf->ring_count + bytes) / 4 > bytes)
        bytes = (limit.rlim_cur / perf->ring_count + bytes) / 4;
    return bytes > page ? (size_t)(bytes - page) : 0; /* each ring has one before it */
}

static size_t least_room(const struct perf *perf)
{
    return perf->layout.has_stack ? 2 * PERF_RECORD_SIZE_MAX : PERF_RECORD_SIZE_MAX;
}

/* Addresses alone take a few hundred bytes a sample: a quarter MiB lasts for seconds. Of stacks of 16 KiB, a
 * MiB holds some fifty, half a second's; and by processor, other processes' samples are among them. */
static size_t wanted_room(const struct perf *perf)
{
    size_t size = perf->layout.has_stack ? 2048 * 1024 : 256 * 1024, free_bytes = free_room(perf);

    while (size > least_room(perf) && (size > free_bytes || size > LIMIT_PERF_RINGS / perf->ring_count))
        size /= 2;
    return size;
}

int perf_ring_add(struct perf *perf, struct perf_ring *ring, int fd, struct error *error)
{
    /* Once for each change: one whose thread has ended hangs up for ever. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    size_t size = wanted_room(perf);
    int r = perf_ring_map(ring, fd, size);

    /* Another session of ours, or another program of the same user, has had it. */
    while ((r == -EPERM || r == -ENOMEM) && size > least_room(perf)) {
        size /= 2;
        r = perf_ring_map(ring, fd, size);
    }
    if (r == -EPERM)
        return error_set(
            error, EACCES,
            "There is no locked memory left for samples: other perf sessions of this user have what "
            "kernel.perf_event_mlock_kb and ulimit -l allow; end one, raise one of them, or give "
            "CAP_IPC_LOCK.");
    if (r < 0)
        return error_errno(error, -r, "Cannot map the memory for samples");
    perf->facts.ring_bytes += size;
    if (epoll_ctl(perf->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return error_errno(error, errno, "Cannot watch the memory for samples");
    return 0;
}
