/* Processes at a moment that is awkward for a tracer. Says "ready" first.
 *
 *   moments vfork        a thread waits in vfork for a child that does not go on, another thread runs
 *   moments thread-exec  with two other threads alive, a thread that is not the first executes the program
 *                        again, for ever */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
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

static void *wait_in_vfork(void *unused)
{
    (void)unused;
    if (vfork() == 0) {
        ready();
        for (;;)
            pause();
    }
    puts("went on");
    fflush(stdout);
    return NULL;
}

static void *execute_again(void *unused)
{
    const struct timespec pause = {.tv_nsec = 300000};
    (void)unused;
    nanosleep(&pause, NULL);
    execl("/proc/self/exe", "moments", "thread-exec", "again", NULL);
    return NULL;
}

int main(int count, char *arguments[])
{
    const char *moment = count > 1 ? arguments[1] : "";
    pthread_t thread;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a thread that executes a program is no child of the test's */
    if (strcmp(moment, "vfork") == 0 && pthread_create(&thread, NULL, wait_in_vfork, NULL) == 0)
        wait_for_ever(NULL);
    if (strcmp(moment, "thread-exec") == 0) {
        if (count == 2)
            ready();
        if (pthread_create(&thread, NULL, wait_for_ever, NULL) == 0 &&
            pthread_create(&thread, NULL, wait_for_ever, NULL) == 0 &&
            pthread_create(&thread, NULL, execute_again, NULL) == 0)
            wait_for_ever(NULL);
    }
    return 2;
}
