/* Threads that wait in epoll_wait for TIMEOUT_MS, which hardly ever pass: each is woken every WAKE_MS and
 * waits again. `wakeful OTHERS` has OTHERS threads more, which sleep. At SIGTERM it prints a line of JSON:
 *
 *   waits    how many there were
 *   early    of these, how many said that their time was up before it was
 *   overdue  how many said so when it was
 *   interrupted   EINTRs
 *
 * A dump that takes what a thread had waited in one call from the timeout of its next makes that come early.
 * Says "ready" first. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>

enum { WAITERS = 8, TIMEOUT_MS = 200, WAKE_MS = 150, NS_PER_MS = 1000000 };

static int events[WAITERS];
static _Atomic unsigned long waits, early, overdue, interrupted;

static void *wait_again(void *argument)
{
    int event = *(int *)argument, fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event readable = {.events = EPOLLIN}, happened;
    uint64_t count;

    if (fd < 0 || epoll_ctl(fd, EPOLL_CTL_ADD, event, &readable) < 0)
        exit(1);
    for (;;) {
        uint64_t began = clock_monotonic_ns();
        int r = epoll_wait(fd, &happened, 1, TIMEOUT_MS);

        waits++;
        if (r == 1 && read(event, &count, sizeof count) != sizeof count)
            exit(1);
        if (r < 0 && errno == EINTR)
            interrupted++;
        if (r == 0 && clock_monotonic_ns() - began < (uint64_t)TIMEOUT_MS * NS_PER_MS)
            early++;
        else if (r == 0)
            overdue++;
    }
    return NULL;
}

static void *wake(void *unused _unused_)
{
    const struct timespec pause = {.tv_nsec = WAKE_MS * (NS_PER_MS / WAITERS)};
    const uint64_t one = 1;

    for (size_t i = 0;; i = (i + 1) % WAITERS) {
        (void)nanosleep(&pause, NULL); /* cut short is as good */
        if (write(events[i], &one, sizeof one) != sizeof one)
            exit(1);
    }
    return NULL;
}

static void *sleep_for_good(void *unused _unused_)
{
    for (;;)
        pause();
    return NULL;
}

static void start(void *(*routine)(void *), void *argument)
{
    pthread_attr_t small;
    pthread_t thread;

    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    if (pthread_create(&thread, &small, routine, argument) != 0)
        exit(1);
}

int main(int argc, char **argv)
{
    uint64_t others = 0;
    sigset_t end;
    int number;

    if (argc == 2 && (parse_u64(argv[1], &others) < 0 || others > 10000))
        return 2;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &end, NULL);
    for (size_t i = 0; i < WAITERS; i++) {
        events[i] = eventfd(0, EFD_CLOEXEC);
        start(wait_again, &events[i]);
    }
    for (uint64_t i = 0; i < others; i++)
        start(sleep_for_good, NULL);
    start(wake, NULL);
    puts("ready");
    fflush(stdout);
    while (sigwait(&end, &number) != 0)
        ;
    printf("{\"waits\":%lu,\"early\":%lu,\"overdue\":%lu,\"interrupted\":%lu}\n", waits, early, overdue,
           interrupted);
    return 0;
}
