/* Takes an unusual shape, prints "ready" and waits.
 *
 *   shapes threads N       N threads beside the first, each with a name of its own
 *   shapes maps N          at least N mappings
 *   shapes code N          at least N mappings, and code mapped anew all the time; a thread works
 *   shapes zombie-leader   the first thread has ended, two others live
 *   shapes working-zombie  likewise, and a third works
 *   shapes hostile-name    its name holds newline, ") (", a quote and bytes that are not UTF-8
 *   shapes fork-forever    a child that ends at once, again and again
 *   shapes exec-forever    executes itself again and again
 *   shapes churn           threads that are born and end all the time */
#include "base/cleanup.h"
#include "base/parse.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void ready(void)
{
    puts("ready");
    fflush(stdout);
}

static void *wait_for_ever(void *unused)
{
    (void)unused;
    for (;;)
        pause();
    return NULL;
}

/* A thread of its own name; the first thread keeps the one of the process. */
static void *wait_as_thread(void *number)
{
    char name[16];
    (void)snprintf(name, sizeof name, "thread-%zu", (size_t)number); /* cut at the kernel's length */
    (void)prctl(PR_SET_NAME, name);                                  /* a name is decoration here */
    return wait_for_ever(NULL);
}

static int threads(size_t count)
{
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 32768);
    for (size_t i = 0; i < count; i++)
        if (pthread_create(&thread, &attributes, wait_as_thread, (void *)i) != 0)
            return 1;
    ready();
    wait_for_ever(NULL);
    return 0;
}

static int split(size_t count)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *area = mmap(NULL, count * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (area == MAP_FAILED)
        return 1;
    for (size_t i = 0; i < count; i += 2)
        if (mprotect(area + i * page, page, PROT_READ) != 0)
            return 1;
    return 0;
}

static int maps(size_t count)
{
    if (split(count) != 0)
        return 1;
    ready();
    wait_for_ever(NULL);
    return 0;
}

static volatile unsigned turns;

static __attribute__((noinline)) void *shapes_work(void *unused)
{
    for (;;)
        turns++;
    return unused;
}

static int code(size_t count)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    pthread_t thread;

    if (split(count) != 0 || pthread_create(&thread, NULL, shapes_work, NULL) != 0)
        return 1;
    ready();
    for (;;) {
        void *area = mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (area == MAP_FAILED || munmap(area, page) != 0)
            return 1;
    }
}

static void *announce(void *unused)
{
    (void)unused;
    sleep(1); /* the leader must be gone first: /proc says nothing of it that could be waited for from here */
    ready();
    return wait_for_ever(NULL);
}

static int zombie_leader(bool works)
{
    pthread_t thread;
    if (works && pthread_create(&thread, NULL, shapes_work, NULL) != 0)
        return 1;
    if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0 ||
        pthread_create(&thread, NULL, announce, NULL) != 0)
        return 1;
    pthread_exit(NULL);
}

static int fork_forever(void)
{
    ready();
    for (;;) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        if (child > 0 && waitpid(child, NULL, 0) != child)
            return 1;
    }
}

static void *end_at_once(void *unused)
{
    return unused;
}

static void *breed(void *unused)
{
    for (;;) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, end_at_once, NULL) == 0)
            pthread_join(thread, NULL);
    }
    return unused;
}

static int churn(void)
{
    pthread_t thread;
    for (int i = 0; i < 2; i++)
        if (pthread_create(&thread, NULL, breed, NULL) != 0)
            return 1;
    ready();
    wait_for_ever(NULL);
    return 0;
}

int main(int argc, char **argv)
{
    const char *shape = argc > 1 ? argv[1] : "";
    uint64_t count = 0;

    if (argc > 2 && parse_u64(argv[2], &count) < 0)
        return 2;
    if (strcmp(shape, "threads") == 0)
        return threads(count);
    if (strcmp(shape, "maps") == 0)
        return maps(count);
    if (strcmp(shape, "code") == 0)
        return code(count);
    if (strcmp(shape, "zombie-leader") == 0)
        return zombie_leader(false);
    if (strcmp(shape, "working-zombie") == 0)
        return zombie_leader(true);
    if (strcmp(shape, "fork-forever") == 0)
        return fork_forever();
    if (strcmp(shape, "churn") == 0)
        return churn();
    if (strcmp(shape, "exec-forever") == 0) {
        if (argc == 2)
            ready();
        execl("/proc/self/exe", argv[0], shape, "1", (char *)NULL);
        return 1;
    }
    if (strcmp(shape, "hostile-name") == 0) {
        if (prctl(PR_SET_NAME, ") (\n\"<b>\xff\xfe") != 0)
            return 1;
        ready();
        wait_for_ever(NULL);
    }
    return 2;
}
