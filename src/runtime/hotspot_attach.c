/* Attaching is done by a process of our own, a child that takes on the target's user. What it makes in the
 * target's /tmp is then that user's, as older virtual machines want it; it has no right there that the target
 * hasn't; and it lives on when we are killed, so that it can remove its file. Should it be killed, too, the
 * next one does. */
#include "runtime/hotspot_attach.h"

#include "base/clock.h"
#include "base/io.h"
#include "runtime/hotspot_parts.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

/* For the child's last steps behind the deadline. */
enum { CHILD_GRACE_MS = 500 };

int hotspot_look(const struct pidref *process, uint64_t deadline_ms, struct runtime_place *ret_hotspot,
                 struct error *error)
{
    return runtime_place_look(process, "The Java virtual machine", deadline_ms, ret_hotspot, error);
}

bool hotspot_has_socket(const struct pidref *process)
{
    _cleanup_close_ int fd = -1;
    struct runtime_place hotspot;
    bool has = hotspot_look(process, 0, &hotspot, NULL) == 0 && hotspot_find_socket(&hotspot, &fd, NULL) == 0;

    hotspot.tmp_fd = fd_close(hotspot.tmp_fd);
    return has;
}

_Noreturn static void child_main(const struct runtime_place *hotspot, int socket, int parent)
{
    const int kept[] = {hotspot->process->dir_fd, hotspot->process->pid_fd, hotspot->tmp_fd, socket, parent};
    struct error error = {0};
    int r;

    (void)setsid();                                   /* what ends our group (Ctrl-C) must not end it */
    (void)prctl(PR_SET_NAME, "procscope-java", 0, 0); /* only a name */
    /* our copies of others' descriptors would keep their readers waiting */
    io_close_all_but(0, kept, ELEMENTS_OF(kept));
    r = runtime_place_become_user(hotspot, &error);
    if (r == 0)
        r = hotspot_open(hotspot, socket, parent, &error);
    (void)error_ensure(&error, r, "The Java virtual machine can't be asked");
    error.code = -r;
    (void)!send(parent, &error, sizeof error, MSG_NOSIGNAL); /* EPIPE: nobody waits any more */
    _exit(EXIT_SUCCESS);
}

/* One that hangs in the kernel, on the target's file system, must not hang us. */
static void end_child(pid_t pid)
{
    uint64_t until = clock_monotonic_ms() + CHILD_GRACE_MS;

    while (waitpid(pid, NULL, WNOHANG) == 0) {
        if (clock_monotonic_ms() >= until) {
            (void)kill(pid, SIGKILL); /* ours and not waited for yet */
            (void)waitpid(pid, NULL, WNOHANG);
            return;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL); /* shorter is no harm */
    }
}

static int wait_for_child(int channel, uint64_t deadline_ms, struct error *error)
{
    struct pollfd waited = {.fd = channel, .events = POLLIN};
    struct error told;

    for (;;) {
        uint64_t now = clock_monotonic_ms(), until = deadline_ms + CHILD_GRACE_MS;
        ssize_t n = recv(channel, &told, sizeof told, MSG_DONTWAIT);

        if (n == (ssize_t)sizeof told) {
            told.text[sizeof told.text - 1] = '\0';
            if (error && told.code)
                *error = told;
            return -told.code;
        }
        if (n >= 0 || (errno != EAGAIN && errno != EINTR))
            return error_set(error, EIO, "The process that asks the Java virtual machine was ended.");
        if (now >= until)
            return -ETIMEDOUT;
        (void)poll(&waited, 1, (int)(until - now)); /* EINTR: as good as a step */
    }
}

static int attach_by_child(const struct runtime_place *hotspot, int socket, struct error *error)
{
    sigset_t all, previous;
    int ends[2], r;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return error_errno(error, errno, "The Java virtual machine can't be asked");
    /* blocked before the fork: there is no moment in which a signal for us ends it */
    (void)sigfillset(&all); /* these can't fail */
    (void)sigprocmask(SIG_SETMASK, &all, &previous);
    pid = fork();
    if (pid == 0)
        child_main(hotspot, socket, ends[1]);
    r = pid < 0 ? error_errno(error, errno, "No process could be had to ask the Java virtual machine") : 0;
    (void)sigprocmask(SIG_SETMASK, &previous, NULL);
    (void)fd_close(ends[1]); /* always -1 */
    if (pid > 0)
        r = wait_for_child(ends[0], hotspot->deadline_ms, error);
    (void)fd_close(ends[0]); /* always -1; tells the child, too */
    if (pid > 0)
        end_child(pid);
    return r;
}

/* Several may share one /tmp, each being number 1 in a container of its own: then it is another's socket. */
static int check_peer(const struct runtime_place *hotspot, int socket, struct error *error)
{
    struct ucred peer;
    socklen_t size = sizeof peer;

    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return error_errno(error, errno, "It can't be said who answers for the Java virtual machine");
    /* without a pidfd our numbers may be of another namespace */
    if (hotspot->process->pid_fd >= 0 ? peer.pid == hotspot->process->pid : peer.uid == hotspot->user)
        return 0;
    return error_set(error, EPERM, "At /tmp/.java_pid%d another process listens (%d).",
                     (int)hotspot->inner_pid, (int)peer.pid);
}

static int check_allowed(const struct runtime_place *hotspot, const struct map_list *maps,
                         struct error *error)
{
    _cleanup_close_ int fd = -1;
    int r = hotspot_find_socket(hotspot, &fd, error);

    if (r == -ENOENT && hotspot_allows(hotspot, maps) == 0)
        return error_set(
            error, EOPNOTSUPP,
            "The Java virtual machine does not let itself be asked (-XX:+DisableAttachMechanism).");
    if (r == -ENOENT && !hotspot_takes_signals(hotspot))
        return error_set(
            error, EOPNOTSUPP,
            "The Java virtual machine has no thread 'Signal Dispatcher' (-Xrs, or it is not "
            "started yet): SIGQUIT, by which it is asked to listen, would be the program's own.");
    return r == -ENOENT ? 0 : r;
}

static int connect_to(const struct runtime_place *hotspot, const struct map_list *maps, int *ret_fd,
                      struct error *error)
{
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r;

    if (fd < 0)
        return error_errno(error, errno, "The Java virtual machine can't be asked");
    r = check_allowed(hotspot, maps, error);
    if (r == 0)
        r = attach_by_child(hotspot, fd, error);
    if (r == 0)
        r = check_peer(hotspot, fd, error);
    if (r == 0)
        *ret_fd = TAKE_FD(fd);
    return r;
}

int hotspot_connect(const struct pidref *process, const struct map_list *maps, uint64_t deadline_ms,
                    int *ret_fd, struct error *error)
{
    struct runtime_place hotspot;
    int r = hotspot_look(process, deadline_ms, &hotspot, error);

    if (r == 0)
        r = connect_to(&hotspot, maps, ret_fd, error);
    hotspot.tmp_fd = fd_close(hotspot.tmp_fd);
    if (r == -ETIMEDOUT)
        return error_set(error, ETIMEDOUT, "The Java virtual machine did not begin to listen in time.");
    if (r == -ESRCH)
        return error_set(error, ESRCH, "Process with an Id of %d is not running.", (int)process->pid);
    return error_ensure(error, r, "The Java virtual machine can't be asked");
}
