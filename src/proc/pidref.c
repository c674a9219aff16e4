#include "proc/pidref.h"

#include "proc/stat.h"
#include "proc/status.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>

static int not_running(struct error *error, pid_t pid)
{
    return error_set(error, ESRCH, "Process with an Id of %d is not running.", (int)pid);
}

static int open_pidfd(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0); /* is O_CLOEXEC by itself */
    return fd < 0 ? -errno : fd;
}

static int send_through(int fd, int signal)
{
    return syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0) < 0 ? -errno : 0;
}

/* The directory of a thread other than the leader can be opened by its number, although it isn't listed. Its
 * status tells; a recorded tree may be without one. */
static bool is_leader(int directory_fd, pid_t pid)
{
    struct proc_status status;
    int r = proc_status_read(directory_fd, &status);

    return r < 0 || status.thread_group == pid;
}

static int open_directory(const struct procfs *procfs, pid_t pid, int *ret_fd, struct error *error)
{
    char name[16];
    int fd;

    (void)snprintf(name, sizeof name, "%d", (int)pid); /* any int fits */
    fd = openat(procfs->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ESRCH || errno == ENOTDIR))
        return not_running(error, pid);
    if (fd < 0 && (errno == EPERM || errno == EACCES))
        return error_set(
            error, errno,
            "Process %d is hidden from this user: /proc is mounted with hidepid. Run as root or in "
            "the group of its gid= option.",
            (int)pid);
    if (fd < 0)
        return error_errno(error, errno, "Cannot open the directory of process %d", (int)pid);
    *ret_fd = fd;
    return 0;
}

int pidref_open(const struct procfs *procfs, pid_t pid, struct pidref *ret_ref, struct error *error)
{
    _cleanup_pidref_ struct pidref ref = PIDREF_INIT;
    struct proc_stat stat;
    int r;

    if (pid <= 0)
        return not_running(error, pid);
    r = open_directory(procfs, pid, &ref.dir_fd, error);
    if (r < 0)
        return r;
    if (procfs->live) {
        r = open_pidfd(pid);
        if (r == -EINVAL || r == -ENOENT || r == -ESRCH) /* a thread, or gone: depends on the kernel */
            return not_running(error, pid);
        if (r >= 0)
            ref.pid_fd = r;
        else if (r != -ENOSYS && r != -EPERM) /* Linux before 5.3, or a seccomp filter of a container */
            return error_errno(error, -r, "Cannot open a descriptor for process %d", (int)pid);
    }
    if (ref.pid_fd < 0 && !is_leader(ref.dir_fd, pid))
        return not_running(error, pid);

    /* The directory belongs to one process for good. If that is still there now, nobody else had its number
     * when the pidfd was opened: both are the same process. */
    r = proc_stat_read(ref.dir_fd, &stat);
    if (r == -ESRCH)
        return not_running(error, pid);
    if (r < 0)
        return error_errno(error, -r, "Cannot read the state of process %d", (int)pid);
    ref.pid = pid;
    ref.start_time = stat.start_ticks;
    *ret_ref = ref;
    ref = PIDREF_INIT;
    return 0;
}

void pidref_close(struct pidref *ref)
{
    if (!ref)
        return;
    ref->dir_fd = fd_close(ref->dir_fd);
    ref->pid_fd = fd_close(ref->pid_fd);
}

static bool is_same_by_stat(const struct pidref *ref)
{
    struct proc_stat stat;

    return proc_stat_read(ref->dir_fd, &stat) == 0 && stat.start_ticks == ref->start_time;
}

bool pidref_alive(const struct pidref *ref)
{
    if (ref->pid_fd >= 0) {
        int r = send_through(ref->pid_fd, 0);
        if (r == 0 || r == -EPERM)
            return r == 0 || is_same_by_stat(ref); /* a seccomp filter says EPERM too */
        if (r == -ESRCH)
            return false;
    }
    return is_same_by_stat(ref);
}

bool pidref_has_ended(const struct pidref *ref)
{
    struct pollfd waited = {.fd = ref->pid_fd, .events = POLLIN};

    if (ref->pid_fd >= 0 && poll(&waited, 1, 0) >= 0)
        return waited.revents != 0;
    return !pidref_alive(ref);
}

/* Without pidfds: between the look and the kill the number can pass to another only if the process is reaped
 * and all other numbers were given out meanwhile. Only numbers of our own namespace may be used. */
static int signal_by_number(const struct pidref *ref, int signal)
{
    _cleanup_close_ int root = -1;

    if (!is_same_by_stat(ref))
        return -ESRCH;
    root = openat(ref->dir_fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0 || !procfs_is_live(root))
        return -EOPNOTSUPP;
    return kill(ref->pid, signal) < 0 ? -errno : 0;
}

int pidref_signal(const struct pidref *ref, int signal)
{
    /* The directory of a process is a pidfd to this call too, and works from an outer namespace. */
    int r = send_through(ref->pid_fd >= 0 ? ref->pid_fd : ref->dir_fd, signal);

    if (r == -EBADF) /* a recorded tree's */
        return -EOPNOTSUPP;
    if (r == -ENOSYS)
        return signal_by_number(ref, signal);
    if (r == -EPERM && ref->pid_fd < 0) { /* of a filter, or truly: then kill() says so again */
        int by_number = signal_by_number(ref, signal);
        return by_number == -EOPNOTSUPP ? r : by_number;
    }
    return r;
}
