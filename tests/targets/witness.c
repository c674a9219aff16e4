/* Watches itself while it is looked at, and tells at its end (SIGTERM) what it noticed, as JSON:
 *
 *   checksum_rounds, checksum_errors
 *       a computation whose result is known, over memory that is written all the time
 *   timer_ticks, timer_overruns, elapsed_ms
 *       a POSIX timer of 2 ms: ticks + overruns must be what the time elapsed gives
 *   signals_sent, signals_handled, signals_out_of_order
 *       queued real-time signals to one thread, numbered
 *   interrupted
 *       EINTR out of calls that nothing should have interrupted, by call
 *   largest_gap_us
 *       of a heartbeat
 *   children_noticed
 *       what wait4(-1) or SIGCHLD told: it never has a child
 *   cpu_ms
 *       that it used
 *
 * `witness N` has N threads more, which sleep.
 *
 * Prints "ready" once all its files are open. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static _Atomic unsigned long rounds, checksum_errors, ticks, overruns, sent, handled, out_of_order,
    largest_gap_us, children;
static _Atomic bool ending;
static pthread_barrier_t opened; /* all that the blocked calls need */

enum call { EPOLL, POLL, READ, FUTEX, NANOSLEEP, ACCEPT, SIGWAIT, CALLS };
static const char *const call_names[CALLS] = {"epoll_wait", "poll",   "read",       "futex",
                                              "nanosleep",  "accept", "sigwaitinfo"};
static _Atomic unsigned long interrupted[CALLS];

static void *compute(void *unused)
{
    enum { WORDS = 65536 };
    static volatile uint64_t words[WORDS];
    uint64_t expected = 0;

    (void)unused;
    for (uint64_t round = 0; !ending; round++) {
        uint64_t sum = 0;
        double fraction = 0;
        for (size_t i = 0; i < WORDS; i++)
            words[i] = (i ^ round) * 0x9e3779b97f4a7c15u;
        for (size_t i = 0; i < WORDS; i++) {
            sum += words[i] * 0xc4ceb9fe1a85ec53u;
            fraction += 0.5; /* floating registers too */
        }
        expected = 0;
        for (size_t i = 0; i < WORDS; i++)
            expected += (i ^ round) * 0x9e3779b97f4a7c15u * 0xc4ceb9fe1a85ec53u;
        if (sum != expected || fraction != WORDS / 2.0)
            checksum_errors++;
        rounds++;
    }
    return NULL;
}

static void on_tick(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    ticks++;
    overruns += (unsigned long)info->si_overrun;
}

static void on_numbered(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    if ((unsigned long)info->si_value.sival_int != handled)
        out_of_order++;
    handled++;
}

static void on_child(int number)
{
    (void)number;
    children++;
}

/* Handles the numbered signals and the timer's: the only thread that does not block them. */
static void *receive(void *ret_thread)
{
    sigset_t mine;
    (void)ret_thread;
    sigemptyset(&mine);
    sigaddset(&mine, SIGRTMIN);
    sigaddset(&mine, SIGRTMIN + 1);
    pthread_sigmask(SIG_UNBLOCK, &mine, NULL);
    for (volatile uint64_t spin = 0; !ending; spin++)
        if ((spin & 0xfff) == 0)
            sched_yield();
    return NULL;
}

static void *send_numbered(void *to)
{
    const struct timespec pause = {.tv_nsec = 500000};
    while (!ending) {
        union sigval value = {.sival_int = (int)sent};
        if (pthread_sigqueue(*(pthread_t *)to, SIGRTMIN, value) == 0)
            sent++;
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static void *block(void *which)
{
    enum call call = (enum call)(uintptr_t)which;
    const struct timespec hour = {.tv_sec = 3600};
    struct epoll_event event;
    uint32_t word = 0;
    sigset_t none;
    char byte;
    int pipe_fds[2], listener = socket(AF_UNIX, SOCK_STREAM, 0), polled = epoll_create1(EPOLL_CLOEXEC);
    struct sockaddr_un_any {
        sa_family_t family;
    } address = {AF_UNIX};

    if (pipe2(pipe_fds, O_CLOEXEC) != 0 || bind(listener, (void *)&address, sizeof address) != 0 ||
        listen(listener, 1) != 0)
        exit(1);
    (void)pthread_barrier_wait(&opened); /* one thread is told that it was the last */
    sigemptyset(&none);
    sigaddset(&none, SIGUSR2);
    for (;;) {
        struct pollfd waited = {.fd = pipe_fds[0], .events = POLLIN};
        long r = 0;
        switch (call) {
        case EPOLL:
            r = epoll_wait(polled, &event, 1, -1);
            break;
        case POLL:
            r = poll(&waited, 1, -1);
            break;
        case READ:
            r = read(pipe_fds[0], &byte, 1);
            break;
        case FUTEX:
            r = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL);
            break;
        case NANOSLEEP:
            r = nanosleep(&hour, NULL);
            break;
        case ACCEPT:
            r = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
            break;
        case SIGWAIT:
            r = sigwaitinfo(&none, NULL);
            break;
        case CALLS:
            break;
        }
        if (r < 0 && errno == EINTR)
            interrupted[call]++;
    }
    return NULL;
}

static void *heartbeat(void *unused)
{
    const struct timespec pause = {.tv_nsec = 200000};
    uint64_t last = clock_monotonic_ns();
    (void)unused;
    while (!ending) {
        nanosleep(&pause, NULL);
        uint64_t now = clock_monotonic_ns();
        if ((now - last) / 1000 > largest_gap_us)
            largest_gap_us = (now - last) / 1000;
        last = now;
    }
    return NULL;
}

/* What was handled against what the clock says, at the best of several moments: on a busy machine the
 * receiving thread is behind, but what is lost stays lost. Meanwhile what was sent last is handled: where the
 * receiving thread is let run late, that is waited for. */
static struct {
    unsigned long ticks, overruns, elapsed_ms;
} settled;

static void settle(uint64_t began)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    enum { MOMENTS = 60, MOMENTS_WHEN_LATE = 2000 };
    long least = INT32_MAX;

    for (int i = 0; i < MOMENTS || (handled < sent && i < MOMENTS_WHEN_LATE); i++) {
        unsigned long now_ticks, now_overruns, elapsed_ms;
        long off;
        nanosleep(&pause, NULL);
        now_ticks = ticks;
        now_overruns = overruns;
        elapsed_ms = (clock_monotonic_ns() - began) / 1000000;
        off = labs((long)(now_ticks + now_overruns) - (long)(elapsed_ms / 2));
        if (off >= least)
            continue;
        least = off;
        settled.ticks = now_ticks;
        settled.overruns = now_overruns;
        settled.elapsed_ms = elapsed_ms;
    }
}

static pthread_t start(void *(*routine)(void *), void *argument)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, routine, argument) != 0)
        exit(1);
    return thread;
}

static void *sleep_for_good(void *unused)
{
    (void)unused;
    for (;;)
        pause();
    return NULL;
}

static unsigned long cpu_ms(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage); /* can't fail */
    return (unsigned long)((usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000);
}

int main(int argc, char **argv)
{
    uint64_t others = 0;
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_RESTART};
    struct itimerspec every = {.it_interval.tv_nsec = 2000000, .it_value.tv_nsec = 2000000};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1};
    pthread_t threads[4], receiver;
    sigset_t all, end;
    timer_t timer;
    uint64_t began;
    int number;

    if (argc == 2 && (parse_u64(argv[1], &others) < 0 || others > 10000))
        return 2;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    action.sa_sigaction = on_numbered;
    sigaction(SIGRTMIN, &action, NULL);
    action.sa_sigaction = on_tick;
    sigaction(SIGRTMIN + 1, &action, NULL);
    action = (struct sigaction){.sa_handler = on_child};
    sigaction(SIGCHLD, &action, NULL);

    if (pthread_barrier_init(&opened, NULL, CALLS + 1) != 0)
        return 1;
    receiver = threads[0] = start(receive, NULL);
    threads[1] = start(compute, NULL);
    threads[2] = start(heartbeat, NULL);
    for (uintptr_t call = 0; call < CALLS; call++)
        start(block, (void *)call);
    for (uint64_t i = 0; i < others; i++)
        start(sleep_for_good, NULL);
    began = clock_monotonic_ns();
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &every, NULL) != 0)
        return 1;
    threads[3] = start(send_numbered, &receiver);
    (void)pthread_barrier_wait(&opened);
    puts("ready");
    fflush(stdout);

    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    while (sigwait(&end, &number) != 0 || number != SIGTERM)
        ;
    if (waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD)
        children++;
    pthread_cancel(threads[3]);
    settle(began);
    ending = true;
    printf("{\"checksum_rounds\":%lu,\"checksum_errors\":%lu,\"timer_ticks\":%lu,\"timer_overruns\":%lu,"
           "\"elapsed_ms\":%lu,"
           "\"signals_sent\":%lu,\"signals_handled\":%lu,\"signals_out_of_order\":%lu,\"largest_gap_us\":%lu,"
           "\"children_noticed\":%lu,\"cpu_ms\":%lu,\"interrupted\":{",
           rounds, checksum_errors, settled.ticks, settled.overruns, settled.elapsed_ms, sent, handled,
           out_of_order, largest_gap_us, children, cpu_ms());
    for (int call = 0; call < CALLS; call++)
        printf("%s\"%s\":%lu", call ? "," : "", call_names[call], interrupted[call]);
    puts("}}");
    return 0;
}
