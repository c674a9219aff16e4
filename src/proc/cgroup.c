#include "proc/cgroup.h"

#include "base/limits.h"
#include "proc/read.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Container runtimes name the group by the container's id: 64 digits, alone (Docker, Kubernetes with the
 * cgroupfs driver) or between a prefix and ".scope" (docker-ID.scope, cri-containerd-ID.scope). */
enum { CONTAINER_ID = 64 };

static bool has_suffix(const char *part, size_t size, const char *suffix)
{
    size_t length = strlen(suffix);

    return size > length && memcmp(part + size - length, suffix, length) == 0;
}

static const char *find_id(const char *part, size_t size)
{
    size_t digits = 0;

    for (size_t i = 0; i < size; i++) {
        digits = strchr("0123456789abcdef", part[i]) && part[i] ? digits + 1 : 0;
        if (digits == CONTAINER_ID)
            return part + i + 1 - CONTAINER_ID;
    }
    return NULL;
}

static void take_part(const char *part, size_t size, struct proc_cgroup *cgroup)
{
    const char *id = find_id(part, size);

    if (id)
        (void)snprintf(cgroup->container, sizeof cgroup->container, "%.12s", id); /* the usual short form */
    /* the innermost wins: a user's service within user@1000.service */
    else if (has_suffix(part, size, ".service"))
        (void)snprintf(cgroup->unit, sizeof cgroup->unit, "%.*s", (int)size, part); /* cut where longer */
}

/* Version 2 is hierarchy 0, "0::/path"; in version 1 systemd has one of its own, "1:name=systemd:/path". */
void proc_cgroup_parse(const char *text, size_t size, struct proc_cgroup *ret_cgroup)
{
    struct proc_cgroup cgroup = {0};
    const char *end = text + size;

    for (const char *line = text; line < end;) {
        const char *line_end = memchr(line, '\n', (size_t)(end - line));
        const char *path, *controllers = memchr(line, ':', (size_t)((line_end ? line_end : end) - line));

        if (!line_end)
            line_end = end;
        path = controllers ? memchr(controllers + 1, ':', (size_t)(line_end - controllers - 1)) : NULL;
        while (path && path < line_end) {
            const char *part = path + 1, *next = memchr(part, '/', (size_t)(line_end - part));
            size_t part_size = (size_t)((next ? next : line_end) - part);
            take_part(part, part_size < 1024 ? part_size : 1024, &cgroup); /* NAME_MAX is 255 */
            path = next;
        }
        line = line_end + 1;
    }
    *ret_cgroup = cgroup;
}

int proc_cgroup_read(int directory_fd, struct proc_cgroup *ret_cgroup)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_CGROUP_TEXT);
    int r = proc_read_whole(directory_fd, "cgroup", &text);

    if (r < 0 && r != -ENOBUFS)
        return r;
    proc_cgroup_parse(buffer_string(&text), text.size, ret_cgroup);
    return 0;
}
