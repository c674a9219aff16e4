/* A tree of processes. Says "ready" when it stands; all of it keep standard output open, so that a reader
 * sees its end when none is left.
 *
 *   family chain N     each has one child, N of them below the first
 *   family wide N      N children of the first
 *   family forking N   each forks on and on, with up to about N of them at a time
 *   family restarting  a supervisor that starts its child anew whenever that ends
 *   family polite      three, who end at SIGTERM: prints "asked" each
 *   family stubborn    three, who ignore SIGTERM
 *   family foreign     the first belongs to another user than its only child (needs root)
 *   family lent        the only child belongs to another user than the first (needs root) */
#include "base/cleanup.h"
#include "base/parse.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

enum { LIFE_S = 60 }; /* whoever started us may be gone: then nobody ends us */

static _Atomic long *alive;
static time_t end; /* on the monotonic clock, for all that descend from the first */

static time_t now(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec;
}

static void ready(void)
{
    (void)!write(1, "ready\n", 6); /* a test that waits for it fails by itself */
}

static void wait_for_ever(void)
{
    const struct timespec second = {.tv_sec = 1};

    while (now() < end)
        nanosleep(&second, NULL);
    _exit(1);
}

static void on_asked(int number)
{
    (void)number;
    (void)!write(1, "asked\n", 6); /* as above */
    _exit(0);
}

static pid_t fork_or_end(void)
{
    pid_t pid = now() < end ? fork() : -1;

    if (pid < 0)
        _exit(1);
    return pid;
}

static void chain(uint64_t count)
{
    while (count > 0 && fork_or_end() == 0)
        count--;
    if (count == 0)
        ready();
    wait_for_ever();
}

static void wide(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (fork_or_end() == 0)
            wait_for_ever();
    }
    ready();
    wait_for_ever();
}

static void fork_on(uint64_t most)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    const pid_t first = getpid();

    for (;;) {
        pid_t pid;

        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
            (*alive)--;
        if (*alive >= (long)most) {
            /* Some go, so that others come; not who has children, as these would be nobody's then. */
            if (pid < 0 && getpid() != first)
                _exit(0);
            nanosleep(&pause, NULL);
            continue;
        }
        if (now() >= end)
            _exit(1);
        pid = fork();
        if (pid > 0 && ++*alive == (long)most / 2)
            ready();
    }
}

static void restart(void)
{
    for (bool first = true;; first = false) {
        if (fork_or_end() == 0)
            wait_for_ever();
        if (first)
            ready();
        wait(NULL);
    }
}

static void three(bool polite)
{
    struct sigaction action = {.sa_handler = polite ? on_asked : SIG_IGN};

    sigaction(SIGTERM, &action, NULL);
    for (int i = 0; i < 2; i++) {
        if (fork_or_end() == 0)
            wait_for_ever();
    }
    ready();
    for (;;)
        (void)wait(NULL); /* not even zombies shall be left */
}

static void foreign(void)
{
    if (fork_or_end() == 0)
        wait_for_ever();
    if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
        _exit(1);
    ready();
    wait_for_ever();
}

static void lent(void)
{
    if (fork_or_end() == 0) {
        if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
            _exit(1);
        ready();
    }
    wait_for_ever();
}

int main(int count, char *arguments[])
{
    const char *shape = count > 1 ? arguments[1] : "";
    uint64_t number = 0;

    if (count > 2 && parse_u64(arguments[2], &number) < 0)
        return 2;
    end = now() + LIFE_S;
    alive = mmap(NULL, sizeof *alive, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (alive == MAP_FAILED)
        return 1;
    if (strcmp(shape, "chain") == 0)
        chain(number);
    else if (strcmp(shape, "wide") == 0)
        wide(number);
    else if (strcmp(shape, "forking") == 0)
        fork_on(number);
    else if (strcmp(shape, "restarting") == 0)
        restart();
    else if (strcmp(shape, "polite") == 0 || strcmp(shape, "stubborn") == 0)
        three(shape[0] == 'p');
    else if (strcmp(shape, "foreign") == 0)
        foreign();
    else if (strcmp(shape, "lent") == 0)
        lent();
    return 2;
}
