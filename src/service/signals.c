#include "service/signals.h"

#include <signal.h>
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
