#include "trace/arch.h"

#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <linux/falloc.h>
#include <stddef.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>

enum { FXSAVE_USED = 464 }; /* bytes */

const size_t arch_context_size = offsetof(ucontext_t, uc_mcontext.__reserved1);

/* arch/x86/kernel/signal.c get_sigframe(): the registers that XSAVE has written, which are aligned, are first
 * on the stack. */
bool arch_context_pointer(const void *context, uint64_t address, uint64_t top, uint64_t *ret_pointer)
{
    enum { XSAVE_ALIGNMENT = 64 };
    uint64_t floating;

    memcpy(&floating, (const char *)context + offsetof(ucontext_t, uc_mcontext.fpregs), sizeof floating);
    if (floating <= address || floating >= top || floating % XSAVE_ALIGNMENT != 0)
        return false;
    memcpy(ret_pointer, (const char *)context + offsetof(ucontext_t, uc_mcontext.gregs[REG_RSP]),
           sizeof *ret_pointer);
    return true;
}

uint64_t registers_program_counter(const struct registers *registers)
{
    return registers->general.rip;
}

uint64_t registers_stack_pointer(const struct registers *registers)
{
    return registers->general.rsp;
}

void registers_set_position(struct registers *registers, uint64_t program_counter, uint64_t stack_pointer)
{
    registers->general.rip = program_counter;
    registers->general.rsp = stack_pointer;
}

int arch_general_read(pid_t tid, struct registers *ret_registers)
{
    struct iovec general = {&ret_registers->general, sizeof ret_registers->general};

    if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &general) < 0)
        return -errno;
    /* The kernel gives the layout of the mode that the thread is in: the i386 one is smaller. */
    if (general.iov_len != sizeof ret_registers->general)
        return -EOPNOTSUPP;
    return 0;
}

/* CPUID leaf 13: in ECX the size of the XSAVE area with all that the processor has; the kernel's regset is
 * never larger. Not to be asked while others are held: under a hypervisor CPUID takes many
 * microseconds. */
size_t arch_extended_size(void)
{
    unsigned a, b, c, d;

    return __get_cpuid_count(13, 0, &a, &b, &c, &d) ? c : 0;
}

/* CPUID leaf 13, sub-leaf N: size in EAX, offset in EBX, and bit 2 of ECX for what a thread has only once it
 * asked for it (AMX's tiles, arch_prctl ARCH_REQ_XCOMP_PERM): kernel arch/x86/kernel/fpu/xstate.c. */
size_t arch_extended_usual_size(void)
{
    enum { HEADER = 512 + 64, FIRST = 2, LAST = 62, ON_REQUEST = 1 << 2, OF_KERNEL = 1 << 0 };
    unsigned low, size, offset, high, flags, unused;
    size_t end = HEADER;

    if (!__get_cpuid_count(13, 0, &low, &offset, &size, &high))
        return 0;
    for (unsigned i = FIRST; i <= LAST; i++) {
        if (((uint64_t)high << 32 | low) >> i & 1 &&
            __get_cpuid_count(13, i, &size, &offset, &flags, &unused) &&
            !(flags & (ON_REQUEST | OF_KERNEL)) && offset + (size_t)size > end)
            end = offset + (size_t)size;
    }
    return end;
}

/* The XSAVE area begins with the FXSAVE area, in whose last 48 bytes, which the processor leaves alone, the
 * kernel says which parts follow (arch/x86/include/asm/user.h, struct user_xstateregs). NT_PRFPREG has zeros
 * there. */
static void floating_of_extended(struct registers *registers, const void *extended)
{
    memcpy(&registers->floating, extended, FXSAVE_USED);
    memset((char *)&registers->floating + FXSAVE_USED, 0, sizeof registers->floating - FXSAVE_USED);
}

int arch_floating_read(pid_t tid, struct registers *registers, void *extended, size_t size,
                       size_t *ret_extended_size)
{
    struct iovec floating = {&registers->floating, sizeof registers->floating};
    struct iovec area = {extended, size};

    *ret_extended_size = 0;
    if (size > 0 && ptrace(PTRACE_GETREGSET, tid, NT_X86_XSTATE, &area) == 0 &&
        area.iov_len >= sizeof registers->floating) {
        floating_of_extended(registers, extended);
        *ret_extended_size = area.iov_len;
        return 0;
    }
    return ptrace(PTRACE_GETREGSET, tid, NT_PRFPREG, &floating) < 0 ? -errno : 0;
}

/* Calls that answer EINTR after any stop, while all others are restarted by the kernel: signal(7),
 * "interruption of system calls by stop signals", and the kernel's own code: fs/eventpoll.c ep_poll,
 * ipc/sem.c __do_semtimedop, kernel/signal.c do_sigtimedwait, fs/aio.c io_getevents, io_uring/io_uring.c
 * io_cqring_wait: a plain -EINTR; include/net/sock.h sock_intr_errno: -EINTR for sockets with SO_RCVTIMEO or
 * SO_SNDTIMEO, whatever call waits; mm/shmem.c shmem_fallocate: -EINTR, with what it did undone. EINTR says
 * that nothing was done, so calling again is right for each of these. close() is not here: its descriptor is
 * gone after EINTR. Nor are splice and sendfile, which may have bytes in between. */
bool arch_call_answers_eintr(long number)
{
    switch (number) {
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
    case SYS_semop:
    case SYS_semtimedop:
    case SYS_rt_sigtimedwait:
    case SYS_io_getevents:
    case SYS_io_pgetevents:
    case SYS_io_uring_enter:
    case SYS_read:
    case SYS_readv:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_recvmmsg:
    case SYS_accept:
    case SYS_accept4:
    case SYS_connect:
    case SYS_write:
    case SYS_writev:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_sendmmsg:
    case SYS_fallocate:
        return true;
    default:
        return false;
    }
}

/* These answer EINTR where the kernel can't write what is left of their timeout: fs/select.c
 * poll_select_finish(), with a time in read-only memory. C libraries make a copy; those who call the kernel
 * themselves, with a constant, don't. Too rare to have all who wait there stopped one by one. */
static bool may_answer_eintr(long number)
{
    return number == SYS_ppoll || number == SYS_pselect6 || number == SYS_select;
}

/* These two modes move data: that is not the same when done twice. */
static bool is_not_repeatable(const struct user_regs_struct *general)
{
    return general->orig_rax == SYS_fallocate &&
           (general->rsi & (FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_INSERT_RANGE)) != 0;
}

static const unsigned long long restart_unless_handled = (unsigned long long)-514; /* -ERESTARTNOHAND */

/* At its stop the thread is on the signal path of arch_do_signal_or_restart(), which looks at rax only after
 * get_signal(), where the stop is: so rax = -ERESTARTNOHAND written now is what the kernel finds then. With
 * no handler to run it goes back to the syscall instruction with all arguments as they were; with one, the
 * handler gets its EINTR. A relative timeout starts afresh. */
bool arch_mend_interrupted(pid_t tid, struct registers *registers)
{
    const unsigned long long interrupted = (unsigned long long)-EINTR;

    if (registers->general.rax != interrupted ||
        !(arch_call_answers_eintr((long)registers->general.orig_rax) ||
          may_answer_eintr((long)registers->general.orig_rax)) ||
        is_not_repeatable(&registers->general))
        return false;
    if (ptrace(PTRACE_POKEUSER, tid, offsetof(struct user, regs.rax), restart_unless_handled) < 0)
        return false;
    registers->general.rax = restart_unless_handled;
    return true;
}

/* Only these two: the others' timeouts lie in memory, which is not ours to write. An int. */
uint32_t arch_timeout_ms(long number, const uint64_t arguments[6])
{
    int32_t timeout_ms = (int32_t)arguments[3];

    return (number == SYS_epoll_wait || number == SYS_epoll_pwait) && timeout_ms > 0 ? (uint32_t)timeout_ms
                                                                                     : 0;
}

uint32_t arch_timeout_left_ms(const struct registers *registers)
{
    const uint64_t arguments[6] = {[3] = registers->general.r10};

    return arch_timeout_ms((long)registers->general.orig_rax, arguments);
}

/* The register stays changed behind the call. It is one that a function call does not keep, and glibc, musl
 * and Go make this call in functions of its own, which load it before each. Code with the instruction inlined
 * could take the shortened timeout once more for its next call. */
bool arch_timeout_shorten(pid_t tid, struct registers *registers, uint32_t timeout_ms)
{
    struct user_regs_struct *general = &registers->general;
    unsigned long long number = timeout_ms | (general->r10 & ~(unsigned long long)UINT32_MAX);

    errno = 0;
    if (ptrace(PTRACE_PEEKUSER, tid, offsetof(struct user, regs.rax), NULL) != (long)restart_unless_handled ||
        (unsigned long)ptrace(PTRACE_PEEKUSER, tid, offsetof(struct user, regs.rip), NULL) != general->rip ||
        errno != 0 || ptrace(PTRACE_POKEUSER, tid, offsetof(struct user, regs.r10), number) < 0)
        return false;
    general->r10 = number;
    return true;
}
