/* A program that says where everything of it is: `known` prints one line of JSON about its threads (the calls
 * they are in, a word on each stack), the registers of one of them, words on its heap, a large mapping of
 * which only a few pages were touched, and waits. `known N`: with N such threads. */
#include "base/cleanup.h"
#include "base/parse.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MAX = 4096, HEAP_WORDS = 100000, RESERVED = 64 };
#define GIBIBYTE ((size_t)1 << 30)

struct known_thread {
    _Atomic pid_t id;
    volatile uint64_t *word;
};

static struct known_thread threads[THREADS_MAX];
static pthread_barrier_t all_are_there;
static volatile uint64_t in_data = 0x1122334455667788;
static volatile uint64_t in_bss;

/* not static: the compiler would rename or merge them */
void wait_in_here(void);
void known_inner(struct known_thread *self, volatile uint64_t *word);
void known_outer(struct known_thread *self);

__attribute__((noinline)) void wait_in_here(void)
{
    for (;;) {
        (void)poll(NULL, 0, -1); /* not pause(): a thread in that can't be borrowed for a snapshot */
        __asm__ volatile("" ::: "memory"); /* keep the call from becoming a jump */
    }
}

__attribute__((noinline)) void known_inner(struct known_thread *self, volatile uint64_t *word)
{
    self->word = word;
    self->id = (pid_t)syscall(SYS_gettid);
    pthread_barrier_wait(&all_are_there);
    wait_in_here();
    *word = 0;
}

__attribute__((noinline)) void known_outer(struct known_thread *self)
{
    volatile uint64_t word = 0x57ac000000000000u + (uint64_t)(self - threads);

    known_inner(self, &word);
    word = 0;
}

static void *run(void *argument)
{
    struct known_thread *self = argument;
    char name[32];

    (void)snprintf(name, sizeof name, "known-%td", self - threads); /* fits */
    (void)prctl(PR_SET_NAME, name);
    known_outer(self);
    return NULL;
}

/* Puts values into the registers that a system call keeps, and stays in pause(). */
static void *hold_registers(void *argument)
{
    _Atomic pid_t *id = argument;

    *id = (pid_t)syscall(SYS_gettid);
#if defined(__x86_64__)
    __asm__ volatile("movabs $0xb0b0000000000001, %%rbx\n"
                     "movabs $0xb0b0000000000002, %%r12\n"
                     "movabs $0xb0b0000000000003, %%r13\n"
                     "movabs $0xb0b0000000000004, %%r14\n"
                     "movabs $0xb0b0000000000005, %%r15\n"
                     "movq %%r15, %%xmm5\n"
                     "1: mov $34, %%eax\n"
                     "syscall\n"
                     "jmp 1b\n" ::
                         : "rax", "rbx", "rcx", "r11", "r12", "r13", "r14", "r15", "xmm5", "memory");
#endif
    wait_in_here();
    return NULL;
}

int main(int argc, char **argv)
{
    static _Atomic pid_t holder;
    uint64_t count = 2;
    uint64_t *heap = malloc(HEAP_WORDS * sizeof *heap);
    char *reserved = mmap(NULL, RESERVED * GIBIBYTE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    pthread_attr_t attributes;
    pthread_t thread;

    if (argc == 2 && (parse_u64(argv[1], &count) < 0 || count > THREADS_MAX))
        return 2;
    if (!heap || reserved == MAP_FAILED)
        return 1;
    for (size_t i = 0; i < HEAP_WORDS; i++)
        heap[i] = i * 0x9e3779b97f4a7c15u;
    *(volatile uint64_t *)reserved = 0xfeed000000000001;
    *(volatile uint64_t *)(reserved + 40 * GIBIBYTE) = 0xfeed000000000002;
    in_bss = 0x99aabbccddeeff00;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 * 1024);
    pthread_barrier_init(&all_are_there, NULL, (unsigned)count + 1);
    for (size_t i = 0; i < count; i++)
        if (pthread_create(&thread, &attributes, run, &threads[i]) != 0)
            return 1;
    pthread_barrier_wait(&all_are_there);
    if (pthread_create(&thread, &attributes, hold_registers, &holder) != 0)
        return 1;
    while (holder == 0)
        sched_yield();
    (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); /* until it is in pause() */
    printf("{\"pid\": %d, \"heap\": %" PRIuPTR ", \"heap_words\": %d, \"reserved\": [%" PRIuPTR ", %" PRIuPTR
           "], \"data\": %" PRIuPTR ", \"bss\": %" PRIuPTR ", \"holder\": %d, \"threads\": [",
           (int)getpid(), (uintptr_t)heap, HEAP_WORDS, (uintptr_t)reserved,
           (uintptr_t)(reserved + 40 * GIBIBYTE), (uintptr_t)&in_data, (uintptr_t)&in_bss, (int)holder);
    for (size_t i = 0; i < count; i++)
        printf("%s{\"id\": %d, \"word\": %" PRIuPTR "}", i ? ", " : "", (int)threads[i].id,
               (uintptr_t)threads[i].word);
    puts("]}");
    fflush(stdout);
    wait_in_here();
    return 0;
}
