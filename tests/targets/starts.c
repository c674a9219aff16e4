/* Threads that began in known places and wait in known ways. Prints a line each, "NAME TID 0xSTART", then
 * "ready", and ends when its input does. With an argument it makes so many more sleepers (not printed). */
#include "base/parse.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { OWN_STACK = 256 * 1024 };

static _Atomic int present;
static int pipe_fds[2], socket_fds[2];
static pthread_mutex_t printing = PTHREAD_MUTEX_INITIALIZER, locked = PTHREAD_MUTEX_INITIALIZER;

static void announce(const char *name, void *(*start)(void *))
{
    (void)prctl(PR_SET_NAME, name); /* the name is what the test reads back */
    pthread_mutex_lock(&printing);
    printf("%s %d 0x%jX\n", name, (int)syscall(SYS_gettid), (uintmax_t)(uintptr_t)start);
    pthread_mutex_unlock(&printing);
    present++;
}

static void *sleeper(void *unused)
{
    announce("sleeper", sleeper);
    for (;;)
        nanosleep(&(struct timespec){.tv_sec = 1000}, NULL);
    return unused;
}

static void *locker(void *unused)
{
    announce("locker", locker);
    pthread_mutex_lock(&locked);
    return unused;
}

static void *poller(void *unused)
{
    announce("poller", poller);
    for (;;)
        (void)poll(NULL, 0, -1); /* nothing can end it */
    return unused;
}

static void *piper(void *unused)
{
    char byte;

    announce("piper", piper);
    if (read(pipe_fds[0], &byte, 1) < 0)
        abort();
    return unused;
}

static void *talker(void *unused)
{
    char byte;

    announce("talker", talker);
    if (recv(socket_fds[0], &byte, 1, 0) < 0)
        abort();
    return unused;
}

static void *runner(void *unused)
{
    announce("runner", runner);
    for (;;)
        atomic_signal_fence(memory_order_seq_cst);
    return unused;
}

static void *on_own_stack(void *unused)
{
    announce("own-stack", on_own_stack);
    for (;;)
        pause();
    return unused;
}

static void *quiet_sleeper(void *unused)
{
    present++;
    for (;;)
        pause();
    return unused;
}

static void begin(void *(*start)(void *), void *stack)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int before = present;

    pthread_attr_init(&attributes);
    if (stack)
        (void)pthread_attr_setstack(&attributes, stack, OWN_STACK); /* a good size: it does not fail */
    else
        (void)pthread_attr_setstacksize(&attributes, 64 * 1024); /* likewise */
    if (pthread_create(&thread, &attributes, start, NULL) != 0)
        abort();
    pthread_attr_destroy(&attributes);
    while (present == before)
        sched_yield();
}

int main(int argc, char **argv)
{
    static void *(*const starts[])(void *) = {sleeper, locker, poller, piper, talker, runner};
    uint64_t more = 0;
    char byte;

    if (argc > 1 && parse_u64(argv[1], &more) < 0)
        return 2;
    if (pipe2(pipe_fds, O_CLOEXEC) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socket_fds) < 0)
        return 1;
    pthread_mutex_lock(&locked);
    printf("main %d 0x%jX\n", (int)getpid(), (uintmax_t)getauxval(AT_ENTRY));
    for (size_t i = 0; i < ELEMENTS_OF(starts); i++)
        begin(starts[i], NULL);
    begin(on_own_stack, mmap(NULL, OWN_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (uint64_t i = 0; i < more; i++)
        begin(quiet_sleeper, NULL);
    puts("ready");
    fflush(stdout);
    return read(0, &byte, 1) < 0;
}
