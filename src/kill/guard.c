#include "kill/guard.h"

#include "base/array.h"
#include "base/io.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

struct note {
    pid_t pid; /* 0: done, nobody is left stopped */
    uint64_t start_time;
};

struct note_list {
    struct note *items;
    size_t count, capacity;
};

static void let_run(const struct procfs *procfs, const struct note *note)
{
    _cleanup_pidref_ struct pidref ref = PIDREF_INIT;

    if (pidref_open(procfs, note->pid, &ref, NULL) == 0 && ref.start_time == note->start_time)
        (void)!pidref_signal(&ref, SIGCONT); /* ESRCH: gone, which is as good */
}

_Noreturn static void guard_main(int socket, const struct procfs *procfs)
{
    struct note_list list = {0};
    struct note note;
    ssize_t n;

    (void)setsid(); /* a group's leader already: then it is one of its own */
    (void)prctl(PR_SET_NAME, "procscope-keep", 0, 0); /* only a name */
    /* our copies of others' descriptors would keep their readers waiting */
    io_close_all_but(0, (const int[]){socket, procfs->fd}, 2);
    while ((n = recv(socket, &note, sizeof note, 0)) == (ssize_t)sizeof note || (n < 0 && errno == EINTR)) {
        if (n < 0)
            continue;
        if (note.pid == 0)
            _exit(EXIT_SUCCESS);
        if (ARRAY_RESERVE(&list, 1, LIMIT_PROCESSES) < 0)
            continue; /* better some than none */
        list.items[list.count++] = note;
    }
    for (size_t i = list.count; i-- > 0;) /* children first: parents may look at them */
        let_run(procfs, &list.items[i]);
    _exit(EXIT_SUCCESS);
}

void guard_start(struct guard *guard, const struct procfs *procfs)
{
    sigset_t all, previous;
    int ends[2];

    *guard = GUARD_INIT;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return;
    /* blocked before the fork: there is no moment in which a signal for us ends it */
    (void)sigfillset(&all); /* these can't fail */
    (void)sigprocmask(SIG_SETMASK, &all, &previous);
    guard->pid = fork();
    if (guard->pid == 0)
        guard_main(ends[1], procfs);
    (void)sigprocmask(SIG_SETMASK, &previous, NULL);
    (void)fd_close(ends[1]); /* always -1 */
    guard->socket = guard->pid > 0 ? ends[0] : fd_close(ends[0]);
    if (guard->pid < 0)
        guard->pid = 0;
}

void guard_note(const struct guard *guard, pid_t pid, uint64_t start_time)
{
    struct note note = {.pid = pid, .start_time = start_time};

    if (guard->socket < 0)
        return;
    /* EPIPE: somebody ended it; we go on without */
    while (send(guard->socket, &note, sizeof note, MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

void guard_end(struct guard *guard)
{
    guard_note(guard, 0, 0);
    guard->socket = fd_close(guard->socket);
    while (guard->pid > 0 && waitpid(guard->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    guard->pid = 0;
}
