#include "trace/turn.h"

#include "base/clock.h"
#include "proc/read.h"
#include "proc/status.h"
#include "proc/tasks.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

/* A thread's name is what everybody may read of it, whoever runs it. */
static const char HOLDER[] = "procscope-hold";

enum {
    PAUSE_NS = 500 * 1000, /* at first: a hold takes some milliseconds */
    PAUSE_MAX_NS = 10 * 1000 * 1000,
    APART_NS = 1000, /* so that those who wait don't all come at once */
};

void turn_mark_holder(void)
{
    (void)prctl(PR_SET_NAME, HOLDER); /* fails only for bad addresses */
}

bool turn_is_ours(pid_t tracer)
{
    char path[32], name[sizeof HOLDER + 1];
    _cleanup_close_ int fd = -1;
    ssize_t n;

    (void)snprintf(path, sizeof path, "/proc/%d/comm", (int)tracer); /* fits */
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, name, sizeof name);
    return n == sizeof HOLDER && memcmp(name, HOLDER, sizeof HOLDER - 1) == 0 && name[n - 1] == '\n';
}

/* 0: none, or the thread is gone. */
static pid_t tracer_of(const struct pidref *process, pid_t tid)
{
    _cleanup_close_ int fd = -1;
    struct proc_status status;

    return task_open(process, tid, &fd, NULL) == 0 && proc_status_read(fd, &status) == 0 ? status.tracer : 0;
}

int turn_wait(const struct pidref *process, pid_t tid, uint64_t until_ns, pid_t *ret_tracer)
{
    struct timespec pause = {.tv_nsec = PAUSE_NS + gettid() % 512 * APART_NS};
    pid_t tracer;

    while ((tracer = tracer_of(process, tid)) != 0) {
        if (!turn_is_ours(tracer)) {
            if (tracer_of(process, tid) == tracer)
                return -EBUSY;
            continue; /* it has let go and ended in between */
        }
        if (clock_monotonic_ns() >= until_ns) {
            *ret_tracer = tracer;
            return -ETIMEDOUT;
        }
        (void)nanosleep(&pause, NULL); /* cut short is as good */
        if (pause.tv_nsec < PAUSE_MAX_NS)
            pause.tv_nsec += pause.tv_nsec / 4;
    }
    return 0;
}
