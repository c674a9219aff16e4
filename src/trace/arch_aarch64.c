#include "trace/arch.h"

#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <ucontext.h>

const size_t arch_context_size = offsetof(ucontext_t, uc_mcontext.pstate) + sizeof(uint64_t);

/* arch/arm64/include/asm/ptrace.h, valid_user_regs(): the mode of programs is all zeros. */
bool arch_context_pointer(const void *context, uint64_t address _unused_, uint64_t top _unused_,
                          uint64_t *ret_pointer)
{
    enum { MODE = 0x1f };
    uint64_t state;

    memcpy(&state, (const char *)context + offsetof(ucontext_t, uc_mcontext.pstate), sizeof state);
    if ((state & MODE) != 0)
        return false;
    memcpy(ret_pointer, (const char *)context + offsetof(ucontext_t, uc_mcontext.sp), sizeof *ret_pointer);
    return true;
}

uint64_t registers_program_counter(const struct registers *registers)
{
    return registers->general.pc;
}

uint64_t registers_stack_pointer(const struct registers *registers)
{
    return registers->general.sp;
}

void registers_set_position(struct registers *registers, uint64_t program_counter, uint64_t stack_pointer)
{
    registers->general.pc = program_counter;
    registers->general.sp = stack_pointer;
}

int arch_general_read(pid_t tid, struct registers *ret_registers)
{
    struct iovec general = {&ret_registers->general, sizeof ret_registers->general};

    if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &general) < 0)
        return -errno;
    if (general.iov_len != sizeof ret_registers->general)
        return -EOPNOTSUPP; /* AArch32 */
    return 0;
}

size_t arch_extended_size(void)
{
    return 0;
}

size_t arch_extended_usual_size(void)
{
    return 0;
}

int arch_floating_read(pid_t tid, struct registers *registers, void *extended _unused_, size_t size _unused_,
                       size_t *ret_extended_size)
{
    struct iovec floating = {&registers->floating, sizeof registers->floating};

    *ret_extended_size = 0;
    return ptrace(PTRACE_GETREGSET, tid, NT_PRFPREG, &floating) < 0 ? -errno : 0;
}

/* Not possible here: arm64's do_signal() settles whether to restart before it comes to the stop, and the
 * first argument, which the result has overwritten in x0, is kept in orig_x0 that no regset shows. So
 * epoll_wait and its like see one EINTR a stop on this machine, as with every other tracer. */
bool arch_call_answers_eintr(long number _unused_)
{
    return false;
}

bool arch_mend_interrupted(pid_t tid _unused_, struct registers *registers _unused_)
{
    return false;
}

uint32_t arch_timeout_ms(long number _unused_, const uint64_t arguments[6] _unused_)
{
    return 0;
}

uint32_t arch_timeout_left_ms(const struct registers *registers _unused_)
{
    return 0;
}

bool arch_timeout_shorten(pid_t tid _unused_, struct registers *registers _unused_,
                          uint32_t timeout_ms _unused_)
{
    return false;
}
