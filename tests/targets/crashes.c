/* Threads that hang where crash handlers run: on a stack of their own (sigaltstack), each having crashed in a
 * way of its own, which is the thread's name. Prints "ready" once all hang. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31) /* linux/signal.h */
#endif

enum { STACK = 64 * 1024, RECURSION = 4096 };

static atomic_int hanging;
static volatile int sink, enough = 1 << 30;

#define NOT_INLINED __attribute__((noinline))

NOT_INLINED static void hang(void)
{
    hanging++;
    for (;;)
        pause();
}

static void on_crash(int number)
{
    hang();
    sink = number;
}

static void *new_stack(void)
{
    return mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void use_stack(void *stack, int flags)
{
    const stack_t wanted = {.ss_sp = stack, .ss_size = STACK, .ss_flags = flags};

    if (sigaltstack(&wanted, NULL) < 0)
        abort();
}

NOT_INLINED static int *nowhere(void)
{
    return sink ? (int *)&sink : NULL;
}

NOT_INLINED static void write_nowhere(void)
{
    *(volatile int *)nowhere() = 1;
    sink++;
}

NOT_INLINED static int recurse(int level)
{
    volatile char room[RECURSION];

    memset((char *)room, level, sizeof room);
    return level < enough ? recurse(level + 1) + room[level % RECURSION] : room[level % RECURSION];
}

/* Came in on one stack, and has another one for the next. */
static void on_first(int number)
{
    use_stack(new_stack(), 0);
    write_nowhere();
    sink = number;
}

static void crash_segv(void)
{
    use_stack(new_stack(), 0);
    write_nowhere();
}

static void crash_abort(void)
{
    use_stack(new_stack(), 0);
    abort();
}

static void crash_raise(void)
{
    use_stack(new_stack(), 0);
    raise(SIGBUS);
    sink++;
}

static void crash_overflow(void)
{
    use_stack(new_stack(), 0);
    sink = recurse(0);
}

static void crash_nested(void)
{
    use_stack(new_stack(), (int)SS_AUTODISARM);
    raise(SIGUSR1);
    sink++;
}

/* The handler's stack lies in the thread's own, above what it interrupts. */
static void crash_within(void)
{
    char stack[STACK] __attribute__((aligned(16)));

    use_stack(stack, 0);
    write_nowhere();
    sink = stack[0];
}

/* On the stack that it crashed on. */
static void crash_plain(void)
{
    write_nowhere();
    sink++;
}

static const struct crash {
    const char *name;
    void (*run)(void);
} crashes[] = {
    {"segv", crash_segv},     {"abort", crash_abort},   {"raise", crash_raise}, {"overflow", crash_overflow},
    {"nested", crash_nested}, {"within", crash_within}, {"plain", crash_plain},
};

enum { CRASHES = sizeof crashes / sizeof crashes[0] };

static void *thread_main(void *argument)
{
    const struct crash *crash = argument;

    (void)pthread_setname_np(pthread_self(), crash->name);
    crash->run();
    return NULL;
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK | SA_NODEFER};

    (void)sigaction(number, &action, NULL);
}

static void *tell(void *unused)
{
    while (hanging < CRASHES + 1)
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
    return unused;
}

int main(void)
{
    pthread_t thread;

    handle(SIGSEGV, on_crash);
    handle(SIGABRT, on_crash);
    handle(SIGBUS, on_crash);
    handle(SIGUSR1, on_first);
    for (int i = 0; i < CRASHES; i++)
        if (pthread_create(&thread, NULL, thread_main, (void *)&crashes[i]) != 0)
            return 1;
    if (pthread_create(&thread, NULL, tell, NULL) != 0)
        return 1;
    crash_overflow(); /* of the main thread's stack, below which nothing is mapped */
    return 0;
}
