/* The files and the signal of attaching. This runs in a process of its own (hotspot_attach.c). */
#include "runtime/hotspot_parts.h"

#include "base/clock.h"
#include "proc/status.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { STEP_FIRST_MS = 1, STEP_LAST_MS = 20 };

enum { NAME_SIZE = 32 };

static void name_socket(const struct runtime_place *hotspot, char *ret_name)
{
    (void)snprintf(ret_name, NAME_SIZE, ".java_pid%d", (int)hotspot->inner_pid); /* fits */
}

static void name_file(const struct runtime_place *hotspot, char *ret_name)
{
    (void)snprintf(ret_name, NAME_SIZE, ".attach_pid%d", (int)hotspot->inner_pid); /* fits */
}

int hotspot_find_socket(const struct runtime_place *hotspot, int *ret_fd, struct error *error)
{
    _cleanup_close_ int fd = -1;
    char name[NAME_SIZE];
    struct stat facts;

    name_socket(hotspot, name);
    fd = openat(hotspot->tmp_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return -ENOENT;
    if (fd < 0 || fstat(fd, &facts) < 0)
        return error_errno(error, errno, "/tmp/%s can't be looked at", name);
    if (!S_ISSOCK(facts.st_mode) || facts.st_uid != hotspot->user)
        return error_set(error, EPERM, "/tmp/%s is not the Java virtual machine's own socket.", name);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* By the descriptor of what was looked at: the name may lead elsewhere by now. */
int hotspot_try(const struct runtime_place *hotspot, int socket, struct error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    _cleanup_close_ int fd = -1;
    int r = hotspot_find_socket(hotspot, &fd, error);

    if (r < 0)
        return r;
    (void)snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", fd); /* fits */
    if (connect(socket, (const struct sockaddr *)&address, sizeof address) == 0)
        return 0;
    switch (errno) {
    case ECONNREFUSED: /* left behind by one that had the same number before */
        return -ENOENT;
    case EAGAIN: /* others are waiting to be accepted */
    case EINTR:
        return -EAGAIN;
    default:
        return error_errno(error, errno, "The Java virtual machine's socket can't be connected to");
    }
}

/* -ETIMEDOUT, -ESRCH, -ECANCELED: nobody waits for it any more. */
static int pause_for(const struct runtime_place *hotspot, int parent, unsigned *step_ms)
{
    struct pollfd waited[] = {{.fd = parent}, {.fd = hotspot->process->pid_fd, .events = POLLIN}};
    uint64_t now = clock_monotonic_ms();

    if (now >= hotspot->deadline_ms)
        return -ETIMEDOUT;
    (void)poll(waited, ELEMENTS_OF(waited), (int)*step_ms); /* EINTR: shorter is no harm */
    if (waited[0].revents)
        return -ECANCELED;
    if (waited[1].revents || !pidref_alive(hotspot->process))
        return -ESRCH;
    *step_ms = *step_ms * 2 < STEP_LAST_MS ? *step_ms * 2 : STEP_LAST_MS;
    return 0;
}

/* Until it succeeds or can't; expected: what may be the matter meanwhile. */
static int connect_in_time(const struct runtime_place *hotspot, int socket, int parent, int expected,
                           struct error *error)
{
    unsigned step_ms = STEP_FIRST_MS;

    for (;;) {
        int r = hotspot_try(hotspot, socket, error), waited;

        if (r != -EAGAIN && r != expected)
            return r;
        waited = pause_for(hotspot, parent, &step_ms);
        if (waited < 0)
            return waited;
    }
}

/* A signal for a traced process goes to its tracer first, and a debugger stops it there. Another procscope is
 * done in a moment. */
static int check_untraced(const struct runtime_place *hotspot, int parent, struct error *error)
{
    enum { PATIENCE_MS = 1000 };
    uint64_t until = clock_monotonic_ms() + PATIENCE_MS;
    unsigned step_ms = STEP_FIRST_MS;

    for (;;) {
        struct proc_status status;
        int r = proc_status_read(hotspot->process->dir_fd, &status);

        if (r < 0)
            return r;
        if (!(status.signals_caught >> (SIGQUIT - 1) & 1))
            return error_set(
                error, EOPNOTSUPP,
                "The Java virtual machine does not catch SIGQUIT, by which it is asked to listen "
                "(-Xrs, or the program's own handling).");
        if (status.state == 'T')
            return error_set(error, EBUSY, "The Java virtual machine is stopped.");
        if (status.tracer == 0)
            return 0;
        if (clock_monotonic_ms() >= until)
            return error_set(
                error, EBUSY,
                "The Java virtual machine is traced by process %d, which would get the signal by "
                "which it is asked to listen.",
                (int)status.tracer);
        r = pause_for(hotspot, parent, &step_ms);
        if (r < 0)
            return r;
    }
}

/* Whether the file at the name is this one and no link or something of another's. */
static bool is_ours(const struct runtime_place *hotspot, const struct stat *facts)
{
    return S_ISREG(facts->st_mode) && (facts->st_uid == hotspot->user || facts->st_uid == geteuid());
}

static void remove_file(const struct runtime_place *hotspot)
{
    char name[NAME_SIZE];
    struct stat facts;

    name_file(hotspot, name);
    if (fstatat(hotspot->tmp_fd, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 && is_ours(hotspot, &facts))
        (void)unlinkat(hotspot->tmp_fd, name, 0); /* ENOENT: jcmd was quicker */
}

static int open_file(const struct runtime_place *hotspot, int *ret_fd, struct error *error)
{
    char name[NAME_SIZE];
    struct stat facts;
    int fd;

    name_file(hotspot, name);
    /* to open a device can do things */
    if (fstatat(hotspot->tmp_fd, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 && !is_ours(hotspot, &facts))
        return error_set(error, EPERM, "/tmp/%s is somebody else's.", name);
    fd = openat(hotspot->tmp_fd, name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST) /* of one that was killed, of jcmd, or of another of us just now */
        fd = openat(hotspot->tmp_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return -EAGAIN;
    if (fd < 0)
        return error_errno(error, errno, "/tmp/%s, by which the Java virtual machine is asked, can't be made",
                           name);
    *ret_fd = fd;
    return 0;
}

/* The file is there when this succeeds. *ret_fd: who has its lock is the one that signals and removes it, so
 * that of several only one does; -1: that is another. A lock goes with its owner, however that ends. */
static int make_file(const struct runtime_place *hotspot, int *ret_fd, struct error *error)
{
    enum { TRIES = 5 };

    for (int i = 0; i < TRIES; i++) {
        _cleanup_close_ int fd = -1;
        struct stat facts;
        int r = open_file(hotspot, &fd, error);

        if (r == -EAGAIN)
            continue;
        if (r < 0)
            return r;
        if (fstat(fd, &facts) < 0 || !is_ours(hotspot, &facts))
            return error_set(error, EPERM, "/tmp/.attach_pid%d is somebody else's.", (int)hotspot->inner_pid);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
            return 0;
        if (fstat(fd, &facts) == 0 && facts.st_nlink > 0) {
            *ret_fd = TAKE_FD(fd);
            return 0;
        }
    }
    return error_set(error, EAGAIN, "/tmp/.attach_pid%d does not stay.", (int)hotspot->inner_pid);
}

/* With the lock it is looked again: who had it before may have had it opened meanwhile, and one that listens
 * already prints a dump at a signal. -ENOENT: it was signalled. */
static int signal_it(const struct runtime_place *hotspot, int socket, struct error *error)
{
    int r = hotspot_try(hotspot, socket, error);

    if (r != -ENOENT)
        return r;
    r = pidref_signal(hotspot->process, SIGQUIT);
    if (r < 0 && r != -ESRCH)
        return error_errno(error, -r, "The Java virtual machine can't be signalled");
    return r < 0 ? r : -ENOENT;
}

static int have_it_opened(const struct runtime_place *hotspot, int socket, int parent, struct error *error)
{
    _cleanup_close_ int lock_fd = -1;
    int r = check_untraced(hotspot, parent, error);

    if (r == 0)
        r = make_file(hotspot, &lock_fd, error);
    if (r < 0)
        return r;
    r = lock_fd >= 0 ? signal_it(hotspot, socket, error) : -ENOENT;
    /* Once it is signalled the file has to be there when it looks, or it prints a dump: so then also when
     * nobody waits for us any more. */
    if (r == -ENOENT || r == -EAGAIN)
        r = connect_in_time(hotspot, socket, lock_fd >= 0 ? -1 : parent, -ENOENT, error);
    if (lock_fd >= 0)
        remove_file(hotspot);
    return r;
}

int hotspot_open(const struct runtime_place *hotspot, int socket, int parent, struct error *error)
{
    int r = connect_in_time(hotspot, socket, parent, -EAGAIN, error);

    if (r == 0) /* it listens, so this is one that was left behind, or that nobody needs any more */
        remove_file(hotspot);
    return r == -ENOENT ? have_it_opened(hotspot, socket, parent, error) : r;
}
