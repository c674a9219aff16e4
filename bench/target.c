/* A process to take dumps of: SIZE MiB of memory, half of it random, and THREADS threads that sleep, beside a
 * thread with a heartbeat that keeps the largest gap it felt. Usage: bench_target SIZE THREADS STATUS-FILE
 *
 * STATUS-FILE becomes 3 numbers of 8 bytes that are mapped: ready (1), largest gap in ns, heartbeats. Whoever
 * measures sets the gap to 0 before and reads it after. */
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
    _Atomic uint64_t ready, largest_gap_ns, beats;
};

static struct status *status;

static uint64_t now_ns(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
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

static uint64_t parse(const char *text)
{
    uint64_t value = 0;
    if (parse_u64(text, &value) < 0)
        exit(2);
    return value;
}

int main(int argc, char **argv)
{
    size_t size, threads;
    uint64_t *words, seed = 88172645463325252u;
    pthread_attr_t small;
    pthread_t thread;
    int fd;

    if (argc != 4)
        return 2;
    size = (size_t)parse(argv[1]) << 20;
    threads = (size_t)parse(argv[2]);
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
        if (pthread_create(&thread, &small, sleeper, NULL) != 0)
            return 1;
    if (pthread_create(&thread, &small, heartbeat, NULL) != 0)
        return 1;
    atomic_store(&status->ready, 1);
    sleeper(NULL);
    return 0;
}
