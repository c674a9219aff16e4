#include "runtime/hotspot_fifo.h"

#include "base/clock.h"
#include "base/io.h"
#include "runtime/heap_fifo_file.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MS = 5000 };

/* What was left behind and has a writer by now loses its reader. */
static void let_go_left(const struct runtime_place *hotspot, struct heap_fifo_files *files)
{
    for (size_t i = 0; i < files->left_count; i++) {
        struct pollfd waited = {.fd = files->left[i].fd, .events = POLLIN};

        if (waited.fd >= 0 && poll(&waited, 1, 0) > 0)
            heap_fifo_file_remove(hotspot, &files->left[i]);
    }
}

/* Until its own FIFO needs no guard: who asked says so; without that one, bytes are there or were, which is
 * how a writer is seen, or the virtual machine has answered, or has ended. */
static void stay(const struct runtime_place *hotspot, int socket, int parent, struct heap_fifo_files *files)
{
    enum { PARENT, PROCESS, OWN, ANSWER, LEFT, LOOK_MS = 1000 };
    struct pollfd waited[LEFT + HEAP_FIFOS_LEFT] = {
        [PARENT] = {.fd = parent, .events = POLLIN},
        [PROCESS] = {.fd = hotspot->process->pid_fd, .events = POLLIN},
        [OWN] = {.fd = -1, .events = POLLIN},
        [ANSWER] = {.fd = -1, .events = POLLRDHUP},
    };
    char word;

    while (!pidref_has_ended(hotspot->process)) {
        for (size_t i = 0; i < files->left_count; i++)
            waited[LEFT + i] = (struct pollfd){.fd = files->left[i].fd, .events = POLLIN};
        if (poll(waited, LEFT + files->left_count, LOOK_MS) <= 0)
            continue;
        if (waited[PROCESS].revents || waited[OWN].revents || waited[ANSWER].revents)
            return;
        if (waited[PARENT].revents && recv(parent, &word, sizeof word, MSG_DONTWAIT) == (ssize_t)sizeof word)
            return;
        if (waited[PARENT].revents) { /* it is gone */
            waited[PARENT].fd = -1;
            waited[OWN].fd = files->own.fd;
            waited[ANSWER].fd = socket;
        }
        let_go_left(hotspot, files);
    }
}

/* Requests are carried out one after the other: with its own, those before are done. */
static void remove_all(const struct runtime_place *hotspot, struct heap_fifo_files *files)
{
    for (size_t i = 0; i < files->left_count; i++)
        heap_fifo_file_remove(hotspot, &files->left[i]);
    heap_fifo_file_remove(hotspot, &files->own);
}

_Noreturn static void guard_main(const struct runtime_place *hotspot, int socket, int parent,
                                 const char *options)
{
    const int kept[] = {hotspot->process->dir_fd, hotspot->process->pid_fd, hotspot->tmp_fd, socket, parent};
    char line[HEAP_FIFO_NAME + 64];
    const char *const arguments[3] = {line};
    struct heap_fifo_files files;
    struct error error = {0};
    int r;

    (void)setsid();                                   /* what ends our group (Ctrl-C) must not end it */
    (void)prctl(PR_SET_NAME, "procscope-java", 0, 0); /* only a name */
    io_close_all_but(0, kept, ELEMENTS_OF(kept));
    r = runtime_place_become_user(hotspot, &error);
    if (r < 0) {
        error.code = -r;
        (void)!runtime_place_tell(parent, &error, -1); /* EPIPE: nobody waits any more */
        _exit(EXIT_SUCCESS);
    }
    r = heap_fifo_files_make(hotspot, &files, &error);
    (void)snprintf(line, sizeof line, "GC.heap_dump -overwrite %s /tmp/%s", options,
                   files.own.name); /* fits */
    if (r == 0)
        r = hotspot_send(socket, "jcmd", arguments);
    (void)error_ensure(&error, r, "The Java virtual machine can't be asked for its heap");
    error.code = -r;
    /* with nobody there to be told it was asked all the same */
    (void)!runtime_place_tell(parent, &error, r == 0 ? files.own.fd : -1);
    if (r == 0)
        stay(hotspot, socket, parent, &files);
    remove_all(hotspot, &files);
    _exit(EXIT_SUCCESS);
}

int hotspot_fifo_begin(const struct runtime_place *hotspot, int socket, const char *options,
                       struct hotspot_fifo *ret_fifo, struct error *error)
{
    _cleanup_hotspot_fifo_ struct hotspot_fifo fifo = HOTSPOT_FIFO_INIT;
    sigset_t all, previous;
    int ends[2], r;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return error_errno(error, errno, "The Java virtual machine can't be asked for its heap");
    /* blocked before the fork: there is no moment in which a signal for us ends it */
    (void)sigfillset(&all); /* these can't fail */
    (void)sigprocmask(SIG_SETMASK, &all, &previous);
    fifo.guard = fork();
    if (fifo.guard == 0)
        guard_main(hotspot, socket, ends[1], options);
    r = fifo.guard < 0 ? error_errno(error, errno, "No process could be had to guard the FIFO") : 0;
    (void)sigprocmask(SIG_SETMASK, &previous, NULL);
    (void)fd_close(ends[1]); /* always -1 */
    fifo.channel = ends[0];
    if (r == 0)
        r = runtime_place_told(fifo.channel, clock_monotonic_ms() + ANSWER_MS, &fifo.fd, error);
    if (r == 0) {
        *ret_fifo = fifo;
        fifo = HOTSPOT_FIFO_INIT;
    }
    return r;
}

void hotspot_fifo_done(struct hotspot_fifo *fifo)
{
    if (fifo->channel < 0)
        return;
    (void)!send(fifo->channel, "", 1, MSG_NOSIGNAL); /* EPIPE: it was ended */
    fifo->channel = fd_close(fifo->channel);
}

/* One that stays is somebody else's child when we end. */
void hotspot_fifo_release(struct hotspot_fifo *fifo)
{
    enum { STEPS = 500 };

    fifo->fd = fd_close(fifo->fd);
    fifo->channel = fd_close(fifo->channel);
    for (int i = 0; fifo->guard > 0 && i < STEPS && waitpid(fifo->guard, NULL, WNOHANG) == 0; i++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL); /* shorter is no harm */
    fifo->guard = 0;
}
