/* What the tests of names read: functions whose lines are known, some inlined into others, and one with
 * several names. */
#include <stddef.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT void *named_where(void);
EXPORT int named_twice(int x);
EXPORT extern unsigned named_lines[3];

unsigned named_lines[3]; /* of the calls that named_where() made, innermost first */

/* Where the caller goes on. */
static __attribute__((noinline)) void *here(volatile int *count)
{
    ++*count;
    return __builtin_return_address(0);
}

static inline __attribute__((always_inline)) void *innermost(volatile int *count)
{
    void *address = (named_lines[0] = __LINE__, here(count));
    ++*count;
    return address;
}

static inline __attribute__((always_inline)) void *middle(volatile int *count)
{
    if (*count > 1)
        ++*count;
    return named_lines[1] = __LINE__, innermost(count);
}

EXPORT void *named_where(void)
{
    volatile int count = 0;
    void *address = (named_lines[2] = __LINE__, middle(&count));
    return count ? address : NULL;
}

EXPORT __attribute__((noinline)) int named_twice(int x)
{
    return x * 2;
}

/* Other names of it: which one is shown must not depend on their order. */
extern __typeof__(named_twice) __attribute__((alias("named_twice"), weak)) a_twice;
extern __typeof__(named_twice) __attribute__((alias("named_twice"))) __named_twice;

/* As in hand-written assembly: no type, no size. */
__asm__(".pushsection .text\n"
        ".globl named_assembly\n"
        ".p2align 4\n"
        "named_assembly:\n"
        "    nop\n"
        "    nop\n"
        ".Lnothing:\n"
        "    nop\n"
        ".p2align 4\n"
        ".popsection\n");
