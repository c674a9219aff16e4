#include "runtime/node_guard.h"

#include "base/clock.h"
#include "base/io.h"
#include "runtime/node_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MADE_MS = 5000 };

/* Whether somebody has opened it and writes, or has closed it again. */
static bool is_written(int fd)
{
    struct pollfd waited = {.fd = fd, .events = POLLIN};
    char bytes[64];
    ssize_t n = 0;

    if (poll(&waited, 1, 0) > 0)
        n = read(fd, bytes, sizeof bytes);
    /* another may have read the beginning: anything else than the line before the heap */
    for (ssize_t i = 0; i < n; i++)
        if (!memchr(NODE_FIFO_BEGUN, bytes[i], strlen(NODE_FIFO_BEGUN)))
            return true;
    return waited.revents & POLLHUP && n <= 0;
}

/* Who was asked before and got round to it now loses its reader, else it would wait for it for ever. */
static void let_go_left(struct node_guard *guard)
{
    for (size_t i = 0; i < guard->files.left_count; i++)
        if (guard->files.left[i].fd >= 0 && is_written(guard->files.left[i].fd))
            heap_fifo_file_remove(guard->place, &guard->files.left[i]);
}

int node_guard_wait(struct node_guard *guard, int fd, short events, int timeout_ms)
{
    enum { LOOK_MS = 100 };
    struct pollfd waited[] = {{.fd = fd, .events = events},
                              {.fd = guard->parent, .events = POLLIN},
                              {.fd = guard->place->process->pid_fd, .events = POLLIN}};
    int r = poll(waited, ELEMENTS_OF(waited), timeout_ms < LOOK_MS ? timeout_ms : LOOK_MS);
    char word;

    let_go_left(guard);
    if (r <= 0)
        return pidref_has_ended(guard->place->process) ? -ESRCH : 0;
    if (waited[2].revents)
        return -ESRCH;
    if (waited[1].revents && recv(guard->parent, &word, sizeof word, MSG_DONTWAIT) == (ssize_t)sizeof word) {
        guard->is_done = true;
    } else if (waited[1].revents) {
        guard->parent = fd_close(guard->parent);
        heap_fifo_file_hide(guard->place, &guard->files.own);
    }
    return waited[0].revents != 0;
}

/* Whether nobody waits in open() for a reader, nor will: the program has it open and writes, which is seen by
 * its bytes, or has closed it, or, without its name and some time after, has not opened it. */
static bool is_past_opening(const struct node_guard *guard, int fd, uint64_t alone_ms)
{
    enum { SURE_MS = 500 };

    return is_written(fd) || (alone_ms > SURE_MS && !node_has_open(guard->place->process, fd));
}

/* Until nothing is left: the parent has what it wanted, or is gone; the FIFO is needed no more; and since
 * then the inspector has stayed closed until all was done that the program was woken for, or for a moment
 * where it is always busy. */
static void stay(struct node_guard *guard)
{
    enum { QUIET_MS = 1000, STEP_MS = 50, STEP_LAST_MS = 5, IDLE_LOOKS = 3 };
    uint64_t alone_since = 0, quiet_since = 0;
    int idle = 0;

    for (;;) {
        uint64_t now = clock_monotonic_ms();
        bool is_needed;
        int r;

        if (guard->parent < 0 && alone_since == 0)
            alone_since = now;
        if (guard->files.own.fd >= 0 &&
            (guard->is_done ||
             (alone_since && is_past_opening(guard, guard->files.own.fd, now - alone_since))))
            heap_fifo_file_remove(guard->place, &guard->files.own);
        is_needed = guard->parent >= 0 || guard->files.own.fd >= 0;
        idle = !is_needed && node_is_idle(guard->place->process) ? idle + 1 : 0;
        r = node_close_again(guard);
        if (r < 0)
            return;
        if (is_needed || r > 0)
            quiet_since = now;
        else if (idle == IDLE_LOOKS || now - quiet_since > QUIET_MS)
            return;
        if (node_guard_wait(guard, -1, 0, is_needed ? STEP_MS : STEP_LAST_MS) < 0)
            return;
    }
}

/* The inspector listens in the process's own network. */
static int enter_network(const struct runtime_place *place, struct error *error)
{
    _cleanup_close_ int fd = openat(place->process->dir_fd, "ns/net", O_RDONLY | O_CLOEXEC);
    struct stat own, its;

    if (fd < 0 || fstat(fd, &its) < 0 || stat("/proc/self/ns/net", &own) < 0)
        return error_errno(error, errno, "Node's network namespace can't be looked at");
    if (its.st_ino == own.st_ino && its.st_dev == own.st_dev)
        return 0;
    if (setns(fd, CLONE_NEWNET) == 0)
        return 0;
    return error_set(error, EACCES,
                     "Node's inspector listens in the network namespace of process %d, which only who has "
                     "CAP_SYS_ADMIN enters: `procscope heapdump` as root does.",
                     (int)place->process->pid);
}

/* One guard a process, of all services and commands here, until it ends, however it does. What lies in the
 * target's /tmp is the target's to rename. This file of the kernel's only those can open who may look into
 * the process anyway: itself, which can refuse to be asked by having the lock, but has nobody pile up. */
static int take_lock(const struct runtime_place *place, struct error *error)
{
    _cleanup_close_ int fd = openat(place->process->dir_fd, "environ", O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno == EACCES)
        return error_set(error, EACCES, "Node is asked by its own user (here %u) or by root.",
                         (unsigned)place->user);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return error_set(error, EALREADY,
                         "Node is being asked for its heap already; try again when that is done.");
    (void)TAKE_FD(fd); /* stays open until this process ends */
    return 0;
}

static int prepare(struct node_guard *guard, struct error *error)
{
    int r = take_lock(guard->place, error);

    if (r == 0)
        r = enter_network(guard->place, error);
    if (r == 0)
        r = runtime_place_become_user(guard->place, error);
    if (r == 0)
        r = heap_fifo_files_make(guard->place, &guard->files, error);
    for (size_t i = 0; i < guard->files.left_count; i++) /* what was asked before must find nobody */
        heap_fifo_file_unlink(guard->place, &guard->files.left[i]);
    return r;
}

static void tell(const struct node_guard *guard, struct error *error, int r, int fd)
{
    error->code = -r;
    if (guard->parent >= 0)
        (void)!runtime_place_tell(guard->parent, error, fd); /* EPIPE: nobody waits any more */
}

_Noreturn static void guard_main(const struct runtime_place *place, int parent, bool is_wanted)
{
    const int kept[] = {place->process->dir_fd, place->process->pid_fd, place->tmp_fd, parent};
    struct node_guard guard = {.place = place, .parent = parent, .files = {.own = {.fd = -1}}};
    struct error error = {0};
    int r;

    (void)setsid();                                   /* what ends our group (Ctrl-C) must not end it */
    (void)prctl(PR_SET_NAME, "procscope-node", 0, 0); /* only a name */
    io_close_all_but(0, kept, ELEMENTS_OF(kept));
    r = prepare(&guard, &error);
    (void)error_ensure(&error, r, "Node can't be asked for its heap");
    tell(&guard, &error, r, r == 0 ? guard.files.own.fd : -1);
    if (r < 0)
        _exit(EXIT_SUCCESS);
    r = is_wanted ? node_ask(&guard, &error) : -ECANCELED;
    /* where another guard was killed: what that had begun is ended */
    if (r < 0 && r != -ESRCH && guard.files.left_count > 0)
        (void)!node_ask_nothing(&guard);
    (void)error_ensure(&error, r, "Node can't be asked for its heap");
    tell(&guard, &error, r, -1);
    /* of those who wait in one for a reader: they lose it */
    for (size_t i = 0; i < guard.files.left_count; i++)
        heap_fifo_file_remove(place, &guard.files.left[i]);
    if (r != -ESRCH && guard.has_asked)
        stay(&guard);
    heap_fifo_file_remove(place, &guard.files.own);
    _exit(EXIT_SUCCESS);
}

static int begin(const struct runtime_place *place, bool is_wanted, struct node_fifo *fifo,
                 struct error *error)
{
    sigset_t all, previous;
    int ends[2], r;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return error_errno(error, errno, "Node can't be asked for its heap");
    /* blocked before the fork: there is no moment in which a signal for us ends it */
    (void)sigfillset(&all); /* these can't fail */
    (void)sigprocmask(SIG_SETMASK, &all, &previous);
    fifo->guard = fork();
    if (fifo->guard == 0)
        guard_main(place, ends[1], is_wanted);
    r = fifo->guard < 0 ? error_errno(error, errno, "No process could be had to ask Node") : 0;
    (void)sigprocmask(SIG_SETMASK, &previous, NULL);
    (void)fd_close(ends[1]); /* always -1 */
    fifo->channel = ends[0];
    return r < 0 ? r : runtime_place_told(fifo->channel, clock_monotonic_ms() + MADE_MS, &fifo->fd, error);
}

/* Mostly the guard has nothing left to do. Returns whether it was killed. */
static bool end(struct node_fifo *fifo)
{
    enum { STEPS = 2500 };
    int status = 0;
    pid_t ended = 0;

    fifo->fd = fd_close(fifo->fd);
    fifo->channel = fd_close(fifo->channel);
    for (int i = 0; fifo->guard > 0 && i < STEPS && ended == 0; i++) {
        ended = waitpid(fifo->guard, &status, WNOHANG);
        if (ended == 0)
            (void)nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL); /* shorter is no harm */
    }
    fifo->guard = 0;
    return ended > 0 && WIFSIGNALED(status);
}

int node_fifo_begin(const struct runtime_place *place, struct node_fifo *ret_fifo, struct error *error)
{
    _cleanup_node_fifo_ struct node_fifo fifo = NODE_FIFO_INIT;
    int r;

    fifo.place = place;
    r = begin(place, true, &fifo, error);
    if (r == 0) {
        *ret_fifo = fifo;
        fifo = NODE_FIFO_INIT;
    }
    return r;
}

void node_fifo_done(const struct node_fifo *fifo)
{
    (void)!send(fifo->channel, "", 1, MSG_NOSIGNAL); /* EPIPE: it was ended */
}

/* One that stays is somebody else's child when we end. */
void node_fifo_release(struct node_fifo *fifo)
{
    struct node_fifo second = NODE_FIFO_INIT;

    if (!end(fifo))
        return;
    (void)begin(fifo->place, false, &second, NULL); /* the next heap dump finds what is left after that */
    (void)end(&second);
}
