#include "trace/inject.h"

#include <errno.h>

/* Not written yet for this machine: without one to try it on, a mistake here would be the target's. */
const struct seccomp_data arch_program_calls[PROGRAM_CALLS], arch_settle_calls[SETTLE_CALLS];

size_t arch_program_size(void)
{
    return 0;
}

size_t arch_loop_size(void)
{
    return 0;
}

void arch_program_build(const struct registers *registers _unused_, uint64_t mask _unused_,
                        uint8_t *ret_bytes _unused_)
{
}

void arch_loop_build(uint8_t *ret_bytes _unused_)
{
}

uint64_t arch_program_room(uint64_t program)
{
    return program;
}

int arch_borrowable(const struct registers *registers _unused_, const struct memory *memory _unused_)
{
    return 0;
}

bool arch_waits_for_clones(const struct registers *registers _unused_)
{
    return false;
}

void arch_enter(struct registers *registers _unused_, uint64_t program _unused_,
                enum program_entry entry _unused_)
{
}

void arch_enter_call(struct registers *registers _unused_, uint64_t program _unused_, long number _unused_,
                     const uint64_t arguments[CALL_ARGUMENTS] _unused_)
{
}

void arch_enter_loop(struct registers *registers _unused_, uint64_t loop _unused_)
{
}

void arch_enter_exit(struct registers *registers _unused_, uint64_t loop _unused_)
{
}

int arch_general_write(pid_t tid _unused_, const struct registers *registers _unused_)
{
    return -EOPNOTSUPP;
}

long arch_result(const struct registers *registers _unused_)
{
    return -EOPNOTSUPP;
}
