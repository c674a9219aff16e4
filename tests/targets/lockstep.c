/* Keeps an invariant flat out, which a dump of one instant shows intact and any other shows broken: each of
 * its threads counts in a register, and writes each number first to an area of the brk heap, then to one
 * 600 MiB up in a mapping, with other memory in use between the two. So at any instant
 *
 *     high <= low <= register <= high + 1
 *
 * where low and high are the last numbers written there, and the slots of each area hold the last SLOTS
 * numbers, one each. Prints a line of JSON: where the areas are, and whose. */
#include "base/cleanup.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 3, SLOTS = 4096 };
#define MEBIBYTE ((size_t)1 << 20)
#define RESERVED (600 * MEBIBYTE)
#define IN_BETWEEN (16 * MEBIBYTE)

struct lockstep {
    uint64_t *low, *high;
    _Atomic pid_t id;
};

static struct lockstep steps[THREADS];
static pthread_barrier_t filled;

/* The register is rbx, or x19. */
#if defined(__x86_64__)
static __attribute__((noreturn)) void count_from(uint64_t number, uint64_t *low, uint64_t *high)
{
    __asm__ volatile("mov %0, %%rbx\n"
                     "1: inc %%rbx\n"
                     "mov %%ebx, %%eax\n"
                     "and %3, %%eax\n"
                     "mov %%rbx, (%1, %%rax, 8)\n"
                     "mov %%rbx, (%2, %%rax, 8)\n"
                     "jmp 1b\n"
                     :
                     : "r"(number), "r"(low), "r"(high), "i"(SLOTS - 1)
                     : "rax", "rbx", "memory");
    __builtin_unreachable();
}
#else
static __attribute__((noreturn)) void count_from(uint64_t number, uint64_t *low, uint64_t *high)
{
    __asm__ volatile("mov x19, %0\n"
                     "1: add x19, x19, #1\n"
                     "and x9, x19, %3\n"
                     "str x19, [%1, x9, lsl #3]\n"
                     "str x19, [%2, x9, lsl #3]\n"
                     "b 1b\n"
                     :
                     : "r"(number), "r"(low), "r"(high), "i"(SLOTS - 1)
                     : "x9", "x19", "memory");
    __builtin_unreachable();
}
#endif

static void *run(void *argument)
{
    struct lockstep *step = argument;

    for (uint64_t number = 1; number <= SLOTS; number++) {
        step->low[number % SLOTS] = number;
        step->high[number % SLOTS] = number;
    }
    step->id = (pid_t)syscall(SYS_gettid);
    (void)pthread_barrier_wait(&filled); /* one thread is told that it was the last */
    count_from(SLOTS, step->low, step->high);
}

/* Before, its register holds something else. */
static void await_first(const struct lockstep *step)
{
    const volatile uint64_t *first = &step->high[(SLOTS + 1) % SLOTS];

    while (*first <= SLOTS)
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* shorter is no harm */
}

int main(void)
{
    uint8_t *reserved =
        mmap(NULL, RESERVED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    uint64_t *low = sbrk((intptr_t)(THREADS * SLOTS * sizeof *low));
    uint64_t *high;
    pthread_t thread;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* with no parent it would burn on */
    if (reserved == MAP_FAILED || low == (void *)-1 || pthread_barrier_init(&filled, NULL, THREADS + 1) != 0)
        return 1;
    memset(reserved + RESERVED / 2, 0x5a, IN_BETWEEN);
    high = (uint64_t *)(reserved + RESERVED - THREADS * SLOTS * sizeof *high);
    for (size_t i = 0; i < THREADS; i++) {
        steps[i] = (struct lockstep){.low = low + i * SLOTS, .high = high + i * SLOTS};
        if (pthread_create(&thread, NULL, run, &steps[i]) != 0)
            return 1;
    }
    (void)pthread_barrier_wait(&filled);
    for (size_t i = 0; i < THREADS; i++)
        await_first(&steps[i]);
    printf("{\"pid\":%d,\"slots\":%d,\"threads\":[", getpid(), SLOTS);
    for (size_t i = 0; i < THREADS; i++)
        printf("%s{\"id\":%d,\"low\":%" PRIuPTR ",\"high\":%" PRIuPTR "}", i ? "," : "", steps[i].id,
               (uintptr_t)steps[i].low, (uintptr_t)steps[i].high);
    puts("]}");
    fflush(stdout);
    for (;;)
        pause();
}
