#include "base/processors.h"

#include "base/io.h"
#include "base/parse.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>

/* "200000 100000": of each period so much may be used; "max 100000": no quota. */
static unsigned quota_of(int root_fd, const char *cgroup)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(128);
    char name[PATH_MAX];
    const char *cursor, *end;
    uint64_t quota, period;
    int n = snprintf(name, sizeof name, "%s%scpu.max", cgroup, *cgroup ? "/" : "");

    if (n < 0 || (size_t)n >= sizeof name || io_read_file_at(root_fd, name, &text) < 0)
        return 0;
    cursor = buffer_string(&text);
    end = cursor + text.size;
    if (!scan_u64(&cursor, end, &quota) || !scan_char(&cursor, end, ' ') ||
        !scan_u64(&cursor, end, &period) || period == 0 || quota / period >= UINT_MAX)
        return 0;
    return (unsigned)(quota / period + (quota % period != 0));
}

unsigned processors_of_quota(const char *own, int root_fd)
{
    char path[PATH_MAX];
    const char *line = own;
    unsigned least = 0;
    char *slash;

    while (line && strncmp(line, "0::/", 4) != 0) /* the unified hierarchy's line */
        line = (line = strchr(line, '\n')) ? line + 1 : NULL;
    if (!line ||
        (size_t)snprintf(path, sizeof path, "%.*s", (int)strcspn(line + 4, "\n"), line + 4) >= sizeof path)
        return 0;
    /* from our own cgroup up to the root, or what a container shows as the root: the tightest counts */
    do {
        unsigned quota = quota_of(root_fd, path);

        if (quota > 0 && (least == 0 || quota < least))
            least = quota;
        slash = strrchr(path, '/');
        if (slash)
            *slash = '\0';
        else if (path[0])
            path[0] = '\0';
        else
            break;
    } while (true);
    return least;
}

static unsigned quota_of_ours(void)
{
    _cleanup_buffer_ struct buffer own = BUFFER_INIT(65536);
    _cleanup_close_ int root_fd = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (root_fd < 0 || io_read_file_at(AT_FDCWD, "/proc/self/cgroup", &own) < 0)
        return 0;
    return processors_of_quota(buffer_string(&own), root_fd);
}

unsigned processors_available(void)
{
    static cpu_set_t sets[16]; /* of 1024 each; the call fails where the kernel's own is larger */
    int count = sched_getaffinity(0, sizeof sets, sets) < 0 ? 1 : CPU_COUNT_S(sizeof sets, sets);
    unsigned quota = quota_of_ours();

    if (count < 1)
        count = 1;
    return quota > 0 && quota < (unsigned)count ? quota : (unsigned)count;
}
