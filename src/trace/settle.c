#include "trace/settle.h"

#include "base/clock.h"
#include "base/io.h"
#include "proc/stat.h"
#include "proc/tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <time.h>

enum { PAUSE_NS = 1000 * 1000, READS_THAT_AGREE = 3 };

static bool is_uninterruptible(const struct pidref *process, pid_t tid)
{
    struct proc_stat stat;

    return proc_stat_read_thread(process->dir_fd, tid, &stat) == 0 && stat.state == 'D';
}

int settle_wait(const struct pidref *process, uint64_t deadline_ns, pid_t *ret_culprit)
{
    _cleanup_id_list_ struct id_list ids = {0};
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    size_t waiting;
    int r = id_list_read(process->dir_fd, "task", &ids);

    if (r < 0)
        return r == -ENOENT ? -ESRCH : r;
    for (waiting = ids.count; waiting > 0;) {
        size_t kept = 0;

        for (size_t i = 0; i < waiting; i++) {
            if (is_uninterruptible(process, ids.items[i]))
                ids.items[kept++] = ids.items[i];
        }
        waiting = kept;
        if (waiting == 0)
            break;
        if (clock_monotonic_ns() > deadline_ns) {
            *ret_culprit = ids.items[0];
            return -ETIMEDOUT;
        }
        (void)nanosleep(&pause, NULL); /* cut short is as good */
    }
    return 0;
}

/* In an execve the leader's id passes to another thread. A read in that moment tells of the old leader: dead,
 * and no longer part of any process. The next does not, so that it takes some that agree. */
bool process_has_ended(const struct pidref *process)
{
    struct proc_stat stat;

    for (int tries = 0; tries < READS_THAT_AGREE; tries++) {
        if (proc_stat_read(process->dir_fd, &stat) < 0)
            return true;
        if ((stat.state != 'Z' && stat.state != 'X') || stat.thread_count > 1)
            return false;
        (void)sched_yield(); /* can't fail on Linux */
    }
    return true;
}

bool is_32_bit(const struct pidref *process)
{
    enum { AUX_TYPES = 1024 }; /* types are small numbers; two 32-bit words read as one are not */
    _cleanup_close_ int fd = openat(process->dir_fd, "auxv", O_RDONLY | O_CLOEXEC);
    uint64_t type = 0;

    return fd >= 0 && io_read_full(fd, &type, sizeof type) == (ssize_t)sizeof type && type > AUX_TYPES;
}
