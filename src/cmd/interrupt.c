#include "cmd/interrupt.h"

#include "base/cleanup.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static volatile sig_atomic_t came;

static void note(int signal)
{
    came = signal;
}

static int early_fd = -1;

static void end_early(int signal)
{
    static const uint64_t one = 1;
    int before = errno;
    (void)signal;
    (void)!write(early_fd, &one, sizeof one); /* an eventfd has room for it */
    errno = before;
}

static void take_first(void (*handler)(int))
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < ELEMENTS_OF(signals); i++) {
        struct sigaction before, ours = {.sa_handler = handler, .sa_flags = (int)SA_RESETHAND};
        if (sigaction(signals[i], NULL, &before) < 0 || before.sa_handler == SIG_IGN)
            continue; /* nohup and background jobs: who ignores it wants it ignored */
        (void)sigaction(signals[i], &ours, NULL); /* fails for no signal of these */
    }
}

void interrupt_note(void)
{
    take_first(note);
}

int interrupt_end_early(void)
{
    early_fd = eventfd(0, EFD_CLOEXEC);
    if (early_fd < 0)
        return -errno;
    take_first(end_early);
    return 0;
}

int interrupt_fd(void)
{
    return early_fd;
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
