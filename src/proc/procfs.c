#include "proc/procfs.h"

#include "proc/status.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

/* Numbers in this procfs are pids to us only if it belongs to our own pid namespace: seen from an ancestor's
 * procfs we have more than one number, in any other's we don't occur. */
static bool of_our_namespace(int procfs_fd)
{
    _cleanup_close_ int self = openat(procfs_fd, "self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct proc_status status;

    if (self < 0 || proc_status_read(self, &status) < 0)
        return false;
    return status.namespace_depth <= 1 && status.thread_group == getpid();
}

bool procfs_is_live(int fd)
{
    struct statfs facts;

    return fstatfs(fd, &facts) == 0 && facts.f_type == PROC_SUPER_MAGIC && of_our_namespace(fd);
}

int procfs_open(const char *path, struct procfs *ret_procfs, struct error *error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return error_errno(error, errno, "Cannot open the process directory %s", path);
    *ret_procfs = (struct procfs){.fd = fd, .live = procfs_is_live(fd)};
    return 0;
}

void procfs_close(struct procfs *procfs)
{
    if (procfs)
        procfs->fd = fd_close(procfs->fd);
}
