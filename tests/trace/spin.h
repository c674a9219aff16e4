/* A target that compares its registers all the time, and writes two words far from each other in lockstep. */
#pragma once

#include "cloned.h"

static volatile unsigned long *first, *second;

/* Loads every register, spins with only flags and registers, and compares. The word below the stack is in the
 * red zone. */
static inline void spin_in_registers(void)
{
#if defined(__x86_64__)
    unsigned long wrong = 0;
    __asm__ volatile("movq $0x5a5a, -64(%%rsp)\n"
                     "movq $8, %%r8\n movq $9, %%r9\n movq $10, %%r10\n movq $11, %%r11\n movq $12, %%r12\n"
                     "movq $13, %%r13\n movq $14, %%r14\n movq $15, %%r15\n movq $2, %%rbx\n"
                     "movq $3, %%rdx\n movq $4, %%rsi\n movq $5, %%rdi\n movq $20000, %%rcx\n"
                     "1: stc\n"
                     "adcq $-1, %%rdx\n" /* unchanged, and sets carry */
                     "jnc 2f\n"
                     "decq %%rcx\n"
                     "jnz 1b\n"
                     "cmpq $8, %%r8\n jne 2f\n cmpq $9, %%r9\n jne 2f\n cmpq $10, %%r10\n jne 2f\n"
                     "cmpq $11, %%r11\n jne 2f\n cmpq $12, %%r12\n jne 2f\n cmpq $13, %%r13\n jne 2f\n"
                     "cmpq $14, %%r14\n jne 2f\n cmpq $15, %%r15\n jne 2f\n cmpq $2, %%rbx\n jne 2f\n"
                     "cmpq $3, %%rdx\n jne 2f\n cmpq $4, %%rsi\n jne 2f\n cmpq $5, %%rdi\n jne 2f\n"
                     "cmpq $0x5a5a, -64(%%rsp)\n jne 2f\n"
                     "xorl %%eax, %%eax\n"
                     "jmp 3f\n"
                     "2: movl $1, %%eax\n"
                     "3:\n"
                     : "=a"(wrong)
                     :
                     : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
                       "r15", "cc", "memory");
    if (wrong)
        told->wrong++;
#endif
}

static inline void spin(void)
{
    for (unsigned long i = 1;; i++) {
        *first = i;
        *second = i;
        spin_in_registers();
        told->rounds++;
    }
}

static inline int prepare_spin(void **state)
{
    enum { PAGE = 4096, PAGES = 1024 };

    first = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (first == MAP_FAILED)
        return -1;
    second = first + (PAGES - 1) * PAGE / sizeof *first;
    return prepare_told(state);
}
