#include "proc/host.h"

#include "base/limits.h"
#include "base/parse.h"
#include "proc/read.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#define NS_PER_SECOND 1000000000LL

static int64_t clock_ns(clockid_t clock)
{
    struct timespec at;

    (void)clock_gettime(clock, &at); /* can't fail for these clocks */
    return at.tv_sec * NS_PER_SECOND + at.tv_nsec;
}

/* The kernel's btime knows only whole seconds, and start times would be off by up to one. The difference of
 * the clocks is exact, but for what passes between the two looks: the closest pair of a few is taken and
 * rounded to a millisecond, so that two readers say the same. */
static int64_t boot_time_of_clocks(void)
{
    int64_t best = 0, best_gap = INT64_MAX;

    for (int i = 0; i < 5; i++) {
        int64_t before = clock_ns(CLOCK_BOOTTIME), now = clock_ns(CLOCK_REALTIME);
        int64_t gap = clock_ns(CLOCK_BOOTTIME) - before;
        if (gap < best_gap) {
            best_gap = gap;
            best = now - (before + gap / 2);
        }
    }
    return (best + 500000) / 1000000 * 1000000;
}

static int boot_time_of_file(const struct procfs *procfs, int64_t *ret_time)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_PROC_TEXT);
    const char *line, *end;
    int64_t seconds;
    int r = proc_read_whole(procfs->fd, "stat", &text);

    if (r == -ESRCH)
        return -ENOENT;
    if (r < 0)
        return r;
    end = buffer_string(&text) + text.size;
    line = strncmp(buffer_string(&text), "btime ", 6) == 0 ? buffer_string(&text)
                                                           : strstr(buffer_string(&text), "\nbtime ");
    if (!line)
        return -EBADMSG;
    line = strchr(line, ' ') + 1;
    if (!scan_i64(&line, end, &seconds) || seconds > INT64_MAX / NS_PER_SECOND || seconds < 0)
        return -EBADMSG;
    *ret_time = seconds * NS_PER_SECOND;
    return 0;
}

int host_read(const struct procfs *procfs, struct host *ret_host)
{
    struct host host = {0};
    struct utsname names;
    long ticks = sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);

    if (ticks <= 0 || page <= 0)
        return -EINVAL;
    if (uname(&names) < 0)
        return -errno;
    host.ticks_per_second = (uint64_t)ticks;
    host.page_size = (uint64_t)page;
    if (procfs->live) {
        host.boot_time_ns = boot_time_of_clocks();
    } else {
        int r = boot_time_of_file(procfs, &host.boot_time_ns);
        if (r < 0)
            return r;
    }
    (void)snprintf(host.name, sizeof host.name, "%s", names.nodename); /* both hold 64 characters */
    (void)snprintf(host.version, sizeof host.version, "%.63s %.63s %.63s %.63s", names.sysname, names.release,
                   names.version, names.machine); /* 63 of the 64 bytes of each: just fits */
    *ret_host = host;
    return 0;
}

int64_t host_time_of_ticks(const struct host *host, uint64_t ticks_since_boot)
{
    uint64_t seconds = ticks_since_boot / host->ticks_per_second;
    uint64_t rest = ticks_since_boot % host->ticks_per_second;
    int64_t time;

    if (__builtin_mul_overflow(seconds, NS_PER_SECOND, &time) ||
        __builtin_add_overflow(time, (int64_t)(rest * NS_PER_SECOND / host->ticks_per_second), &time) ||
        __builtin_add_overflow(time, host->boot_time_ns, &time))
        return INT64_MAX;
    return time;
}
