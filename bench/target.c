/* A process to take dumps of: SIZE MiB of memory, half of it random, and THREADS threads that sleep, beside a
 * thread with a heartbeat that keeps the largest gap it felt. BUSY of the sleepers work instead. Usage:
 * bench_target SIZE THREADS STATUS-FILE [BUSY]
 *
 * STATUS-FILE becomes 5 numbers of 8 bytes that are mapped: ready (1), largest gap in ns, heartbeats; what
 * all busy threads did in rounds, and the processor time that it took in ns. Whoever measures sets the gap to
 * 0 before and reads it after. */
#include "base/parse.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct status {
    _Atomic uint64_t ready, largest_gap_ns, beats, rounds, busy_ns;
};

static struct status *status;

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static uint64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static void *heartbeat(void *unused)
{
    const struct timespec pause = {.tv_nsec = 100000};
    uint64_t last = now_ns();

    (void)unused;
    for (;;) {
        uint64_t at, gap;
        nanosleep(&pause, NULL);
        at = now_ns();
        gap = at - last;
        last = at;
        if (gap > atomic_load(&status->largest_gap_ns))
            atomic_store(&status->largest_gap_ns, gap);
        atomic_fetch_add(&status->beats, 1);
    }
    return NULL;
}

static void *sleeper(void *unused)
{
    (void)unused;
    for (;;)
        pause();
    return NULL;
}

/* A stack as deep as a program's: what a sample costs goes by that. */
static __attribute__((noinline)) uint64_t burn(unsigned depth, uint64_t number)
{
    if (depth > 0) {
        number = burn(depth - 1, number);
        __asm__ volatile("" : "+r"(number)); /* neither a tail call nor a loop */
        return number;
    }
    for (unsigned i = 0; i < 1000000; i++) {
        number = number * 6364136223846793005u + 1442695040888963407u;
        __asm__ volatile("" : "+r"(number));
    }
    return number;
}

/* By its own processor time: how much it is given is others' matter. */
static void *worker(void *unused)
{
    uint64_t number = 1, last = clock_ns(CLOCK_THREAD_CPUTIME_ID);

    (void)unused;
    for (;;) {
        uint64_t at;
        number = burn(20, number);
        at = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        atomic_fetch_add(&status->rounds, 1);
        atomic_fetch_add(&status->busy_ns, at - last);
        last = at;
    }
    return NULL;
}

static uint64_t parse(const char *text)
{
    uint64_t value = 0;
    if (parse_u64(text, &value) < 0)
        exit(2);
    return value;
}

int main(int argc, char **argv)
{
    size_t size, threads, busy;
    uint64_t *words, seed = 88172645463325252u;
    pthread_attr_t small;
    pthread_t thread;
    int fd;

    if (argc != 4 && argc != 5)
        return 2;
    size = (size_t)parse(argv[1]) << 20;
    threads = (size_t)parse(argv[2]);
    busy = argc == 5 ? (size_t)parse(argv[4]) : 0;
    fd = open(argv[3], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, 4096) < 0)
        return 1;
    status = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    words = size ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : NULL;
    if (status == MAP_FAILED || words == MAP_FAILED)
        return 1;
    for (size_t i = 0; i < size / 8; i++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17; /* xorshift64 */
        words[i] = i & 1 ? seed : i;
    }
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    for (size_t i = 2; i < threads; i++)
        if (pthread_create(&thread, &small, i < busy + 2 ? worker : sleeper, NULL) != 0)
            return 1;
    if (pthread_create(&thread, &small, heartbeat, NULL) != 0)
        return 1;
    atomic_store(&status->ready, 1);
    sleeper(NULL);
    return 0;
}
