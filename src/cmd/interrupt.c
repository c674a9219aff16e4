#include "cmd/interrupt.h"

#include "base/cleanup.h"

#include <signal.h>

static volatile sig_atomic_t came;

static void note(int signal)
{
    came = signal;
}

void interrupt_note(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < ELEMENTS_OF(signals); i++) {
        struct sigaction before, ours = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND};
        if (sigaction(signals[i], NULL, &before) < 0 || before.sa_handler == SIG_IGN)
            continue; /* nohup and background jobs: who ignores it wants it ignored */
        (void)sigaction(signals[i], &ours, NULL); /* fails for no signal of these */
    }
}

void interrupt_no_stop(void)
{
    static const int signals[] = {SIGTSTP, SIGTTIN, SIGTTOU};
    const struct sigaction ignored = {.sa_handler = SIG_IGN};
    for (size_t i = 0; i < ELEMENTS_OF(signals); i++)
        (void)sigaction(signals[i], &ignored, NULL); /* fails for no signal of these */
}

bool interrupt_came(void)
{
    return came != 0;
}

void interrupt_obey(void)
{
    if (!came)
        return;
    struct sigaction usual = {.sa_handler = SIG_DFL};
    (void)sigaction(came, &usual, NULL); /* as above */
    (void)raise(came);
}
