#include "service/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void set(int number, void (*action)(int))
{
    struct sigaction wanted = {.sa_handler = action};
    (void)sigaction(number, &wanted, NULL); /* fails only for numbers that are no signals */
}

void signals_ignore(const int *signals, size_t count)
{
    for (size_t i = 0; i < count; i++)
        set(signals[i], SIG_IGN);
}

void signals_unblock(void)
{
    sigset_t none;

    set(SIGCHLD, SIG_DFL);
    set(SIGALRM, SIG_DFL);
    (void)sigemptyset(&none); /* can't fail */
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

void signals_call_within(unsigned seconds, void (*step)(void))
{
    (void)alarm(seconds); /* there was no other */
    step();
    (void)alarm(0);
}

static void ends(sigset_t *ret_signals)
{
    (void)sigemptyset(ret_signals); /* these four fail only for numbers that are no signals */
    (void)sigaddset(ret_signals, SIGTERM);
    (void)sigaddset(ret_signals, SIGINT);
    (void)sigaddset(ret_signals, SIGHUP);
}

void signals_hold(void)
{
    sigset_t wanted;

    ends(&wanted);
    (void)sigprocmask(SIG_BLOCK, &wanted, NULL); /* fails only for what is no operation */
}

int signals_open(void)
{
    sigset_t wanted;
    int fd;

    ends(&wanted);
    (void)sigaddset(&wanted, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &wanted, NULL) < 0)
        return -errno;
    signals_ignore((const int[]){SIGPIPE, SIGXFSZ},
                   2); /* a file's bound (ulimit -f) is an error like another */
    fd = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}
