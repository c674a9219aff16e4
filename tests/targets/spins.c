/* Burns processor time in two functions, 70 and 30 hundredths of it: `spins THREADS`, threads "spin-0" and so
 * on.
 *
 * Prints "ready", then where the functions are, in hex, "burn_seventy START END", "burn_thirty ...", "spin
 * ..." (which calls them), and "end". The others of its deeds are asked for by signals:
 *
 *   SIGUSR1  one more thread, "late"
 *   SIGUSR2  that thread ends
 *   SIGHUP   maps its own file once more, to be executed, and unmaps it
 *   SIGALRM  becomes this program anew
 *   SIGTERM  says how many rounds it has made, and ends */
#include "base/cleanup.h"
#include "base/parse.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>

/* The linker knows where a section begins and ends. */
#define MEASURED(name) __attribute__((noinline, section(#name), aligned(64)))
extern const char __start_seventy[], __stop_seventy[], __start_thirty[], __stop_thirty[], __start_spinning[],
    __stop_spinning[];

static _Atomic unsigned long rounds;
static _Atomic bool late_ends;

/* As long in both for each time: the next number needs the one before. A function that calls none has no
 * frame unless it is asked for its address. */
#define BURN(times, number)                                                                                  \
    __asm__ volatile("" : : "r"(__builtin_frame_address(0)));                                                \
    for (unsigned i = 0; i < (times); i++) {                                                                 \
        (number) = (number)*6364136223846793005u + 1442695040888963407u;                                     \
        __asm__ volatile("" : "+r"(number));                                                                 \
    }

static MEASURED(seventy) unsigned long burn_seventy(unsigned long number)
{
    BURN(7 * 1009, number)
    return number + 7;
}

static MEASURED(thirty) unsigned long burn_thirty(unsigned long number)
{
    BURN(3 * 1009, number)
    return number + 3;
}

struct spinner {
    char name[16];
    _Atomic bool *ending; /* NULL: never */
    sem_t *named;         /* posted when it has its name */
};

/* Itself: pthread_setname_np() takes the way over /proc, which may be another pid namespace's. */
static MEASURED(spinning) void *spin(void *argument)
{
    const struct spinner *spinner = argument;
    unsigned long number = 1;

    (void)prctl(PR_SET_NAME, spinner->name); /* can't fail */
    (void)sem_post(spinner->named);          /* likewise */
    while (!spinner->ending || !*spinner->ending) {
        number = burn_seventy(number);
        number = burn_thirty(number);
        rounds++;
    }
    return NULL;
}

/* Returns when the thread has its name. */
static pthread_t start(const char *name, _Atomic bool *ending)
{
    static sem_t named;                                /* all zero: nobody has */
    struct spinner *spinner = malloc(sizeof *spinner); /* as long as we run */
    pthread_t thread;

    if (!spinner)
        exit(1);
    spinner->ending = ending;
    spinner->named = &named;
    (void)snprintf(spinner->name, sizeof spinner->name, "%s", name); /* cut is as good */
    if (pthread_create(&thread, NULL, spin, spinner) != 0)
        exit(1);
    while (sem_wait(&named) < 0)
        ;
    return thread;
}

static void map_once_more(void)
{
    _cleanup_close_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    void *mapped = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

    if (mapped == MAP_FAILED || munmap(mapped, 4096) < 0)
        exit(1);
}

static void obey(int number, char **argv)
{
    static pthread_t late;

    if (number == SIGUSR1) {
        late_ends = false;
        late = start("late", &late_ends);
    } else if (number == SIGUSR2) {
        late_ends = true;
        (void)pthread_join(late, NULL);
    } else if (number == SIGHUP) {
        map_once_more();
    } else {
        (void)execv("/proc/self/exe", argv);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    sigset_t wanted;
    uint64_t threads;
    int number;

    sigemptyset(&wanted);
    for (size_t i = 0; i < 5; i++)
        sigaddset(&wanted, (const int[]){SIGUSR1, SIGUSR2, SIGHUP, SIGALRM, SIGTERM}[i]);
    pthread_sigmask(SIG_BLOCK, &wanted, NULL);
    if (argc != 2 || parse_u64(argv[1], &threads) < 0)
        return 2;
    for (uint64_t i = 0; i < threads; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "spin-%u", (unsigned)i); /* fits */
        (void)start(name, NULL);
    }
    printf("ready\nburn_seventy %lx %lx\nburn_thirty %lx %lx\nspin %lx %lx\nend\n", (long)__start_seventy,
           (long)__stop_seventy, (long)__start_thirty, (long)__stop_thirty, (long)__start_spinning,
           (long)__stop_spinning);
    fflush(stdout);
    while (sigwait(&wanted, &number) == 0 && number != SIGTERM)
        obey(number, argv);
    printf("rounds %lu\n", rounds);
    return 0;
}
