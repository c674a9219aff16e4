#include "trace/inject.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* No stack, no floating registers. The flags of arithmetic come back by sahf and, for the overflow flag, an
 * addition; all others are never changed. */
__asm__(".pushsection .rodata\n"
        ".balign 8\n"
        "program_begin:\n"
        "    jmp 3f\n" /* ENTER_RESTORE */
        "program_clone:\n"
        "    syscall\n" /* ENTER_CLONE: the keeper */
        "    testl %eax, %eax\n"
        "    jnz 3f\n"
        "    movl $56, %eax\n"    /* the keeper's part: clone */
        "    movl $0x600, %edi\n" /* CLONE_FS | CLONE_FILES, and no signal at its end */
        "    xorl %esi, %esi\n"
        "    xorl %edx, %edx\n"
        "    xorl %r10d, %r10d\n"
        "    xorl %r8d, %r8d\n"
        "program_call:\n"
        "    syscall\n" /* ENTER_CALL, too */
        "    testl %eax, %eax\n"
        "    jle 2f\n" /* the clone, unless we trace it; or there is none */
        "    movl %eax, %edi\n"
        "1:  xorl %esi, %esi\n"
        "    movl $0x40000000, %edx\n" /* __WALL */
        "    xorl %r10d, %r10d\n"
        "    movl $61, %eax\n" /* wait4 */
        "    syscall\n"
        "    cmpl $-4, %eax\n" /* EINTR */
        "    je 1b\n"
        "2:  xorl %edi, %edi\n"
        "    movl $60, %eax\n" /* exit */
        "    syscall\n"
        "    ud2\n"
        "3:  movl $14, %eax\n" /* rt_sigprocmask */
        "    movl $2, %edi\n"  /* SIG_SETMASK */
        "    leaq program_data(%rip), %rsi\n"
        "    xorl %edx, %edx\n"
        "    movl $8, %r10d\n"
        "    syscall\n"
        "    movq program_data+16(%rip), %r15\n"
        "    movq program_data+24(%rip), %r14\n"
        "    movq program_data+32(%rip), %r13\n"
        "    movq program_data+40(%rip), %r12\n"
        "    movq program_data+48(%rip), %rbp\n"
        "    movq program_data+56(%rip), %rbx\n"
        "    movq program_data+64(%rip), %r11\n"
        "    movq program_data+72(%rip), %r10\n"
        "    movq program_data+80(%rip), %r9\n"
        "    movq program_data+88(%rip), %r8\n"
        "    movq program_data+96(%rip), %rcx\n"
        "    movq program_data+104(%rip), %rdx\n"
        "    movq program_data+112(%rip), %rsi\n"
        "    movq program_data+120(%rip), %rdi\n"
        "    movl program_data+8(%rip), %eax\n"
        "    addb $0x7f, %al\n"
        "    sahf\n"
        "    movq program_data+128(%rip), %rax\n"
        "    jmp *program_data+136(%rip)\n"
        ".balign 8, 0xcc\n"
        "program_data:\n"
        "    .fill 144, 1, 0\n"
        "program_end:\n"
        ".balign 8\n"
        "loop_begin:\n" /* the same again, for a keeper that has its clone */
        "    movl %eax, %edi\n"
        "1:  xorl %esi, %esi\n"
        "    movl $0x40000000, %edx\n"
        "    xorl %r10d, %r10d\n"
        "    movl $61, %eax\n"
        "    syscall\n"
        "    cmpl $-4, %eax\n"
        "    je 1b\n"
        "loop_exit:\n"
        "    xorl %edi, %edi\n"
        "    movl $60, %eax\n"
        "    syscall\n"
        "    ud2\n"
        ".balign 8, 0xcc\n"
        "loop_end:\n"
        ".popsection\n");

enum { KEEPER_FLAGS = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM };

#define CALL(number, ...)                                                                                    \
    {                                                                                                        \
        number, AUDIT_ARCH_X86_64, 0,                                                                        \
        {                                                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }

const struct seccomp_data arch_program_calls[PROGRAM_CALLS] = {
    CALL(SYS_clone, KEEPER_FLAGS),
    CALL(SYS_clone, CLONE_FS | CLONE_FILES),
    CALL(SYS_wait4, 0, 0, __WALL),
    CALL(SYS_exit),
    CALL(SYS_rt_sigprocmask, SIG_SETMASK, 0, 0, 8),
};

const struct seccomp_data arch_settle_calls[SETTLE_CALLS] = {
    CALL(SYS_close_range, 0, UINT_MAX, CLOSE_RANGE_UNSHARE),
    CALL(SYS_openat, (uint64_t)AT_FDCWD, 0, O_WRONLY | O_CLOEXEC),
    CALL(SYS_write),
    CALL(SYS_close),
    CALL(SYS_prctl, PR_SET_NAME),
};

extern const uint8_t program_begin[], program_clone[], program_call[], program_data[], program_end[],
    loop_begin[], loop_exit[], loop_end[];

struct program_data {
    uint64_t mask;
    uint64_t flags; /* al: overflow, ah: the rest */
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rcx, rdx, rsi, rdi, rax, rip;
};

enum {
    FLAG_TRAP = 0x100,
    FLAG_DIRECTION = 0x400,
    FLAG_OVERFLOW = 0x800,
    SYSCALL_SIZE = 2,
    /* include/linux/errno.h: of the kernel only */
    RESTART_SYS = -512,
    RESTART_NO_INTERRUPT = -513,
    RESTART_NO_HANDLER = -514,
    RESTART_BLOCK = -516,
};

size_t arch_program_size(void)
{
    return (size_t)(program_end - program_begin);
}

size_t arch_loop_size(void)
{
    return (size_t)(loop_end - loop_begin);
}

void arch_loop_build(uint8_t *ret_bytes)
{
    memcpy(ret_bytes, loop_begin, arch_loop_size());
}

uint64_t arch_program_room(uint64_t program)
{
    return program + (uint64_t)(program_data - program_begin);
}

/* What arch_do_signal_or_restart() in the kernel would make of them. */
static void restart(struct user_regs_struct *general)
{
    if ((long long)general->orig_rax < 0)
        return;
    switch ((long long)general->rax) {
    case RESTART_SYS:
    case RESTART_NO_INTERRUPT:
    case RESTART_NO_HANDLER:
        general->rax = general->orig_rax;
        general->rip -= SYSCALL_SIZE;
        break;
    case RESTART_BLOCK:
        general->rax = SYS_restart_syscall;
        general->rip -= SYSCALL_SIZE;
        break;
    default:
        break;
    }
}

void arch_program_build(const struct registers *registers, uint64_t mask, uint8_t *ret_bytes)
{
    struct user_regs_struct g = registers->general;
    struct program_data data;

    restart(&g);
    data = (struct program_data){.mask = mask,
                                 .flags = (g.eflags & 0xff) << 8 | ((g.eflags & FLAG_OVERFLOW) ? 1 : 0),
                                 .r15 = g.r15,
                                 .r14 = g.r14,
                                 .r13 = g.r13,
                                 .r12 = g.r12,
                                 .rbp = g.rbp,
                                 .rbx = g.rbx,
                                 .r11 = g.r11,
                                 .r10 = g.r10,
                                 .r9 = g.r9,
                                 .r8 = g.r8,
                                 .rcx = g.rcx,
                                 .rdx = g.rdx,
                                 .rsi = g.rsi,
                                 .rdi = g.rdi,
                                 .rax = g.rax,
                                 .rip = g.rip};
    memcpy(ret_bytes, program_begin, arch_program_size());
    memcpy(ret_bytes + (program_data - program_begin), &data, sizeof data);
}

/* Calls for which it makes no difference whether a signal's handler runs before or during them. Others are
 * made for that very difference (pause, sigsuspend, ppoll with a mask): there it is no different either but
 * where we die, when the program makes the call again. So they come second. */
static bool is_indifferent_to_signals(const struct user_regs_struct *g, const struct memory *memory)
{
    uint64_t mask;

    switch (g->orig_rax) {
    case SYS_read:
    case SYS_readv:
    case SYS_poll:
    case SYS_select:
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_futex:
    case SYS_epoll_wait:
    case SYS_accept:
    case SYS_accept4:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_wait4:
    case SYS_waitid:
    case SYS_restart_syscall:
        return true;
    case SYS_epoll_pwait:
        return g->r8 == 0;
    case SYS_ppoll:
        return g->r10 == 0;
    case SYS_pselect6:
        return g->r9 == 0 || (memory_read_u64(memory, g->r9, &mask) == 0 && mask == 0);
    default:
        return false;
    }
}

int arch_borrowable(const struct registers *registers, const struct memory *memory)
{
    const struct user_regs_struct *g = &registers->general;

    if ((g->eflags & (FLAG_TRAP | FLAG_DIRECTION)) != 0)
        return 0;
    if ((long long)g->orig_rax < 0)
        return 1;
    switch ((long long)g->rax) {
    case RESTART_SYS:
    case RESTART_NO_INTERRUPT:
    case RESTART_NO_HANDLER:
    case RESTART_BLOCK:
        return is_indifferent_to_signals(g, memory) ? 2 : 1;
    case -EINTR: /* it may be about to get its own mask back */
        return 0;
    default:
        return 1;
    }
}

bool arch_waits_for_clones(const struct registers *registers)
{
    const struct user_regs_struct *g = &registers->general;

    switch ((long long)g->orig_rax) {
    case SYS_wait4:
        return (int)g->rdi <= 0 && (g->rdx & (__WALL | __WCLONE)) != 0;
    case SYS_waitid:
        return (int)g->rdi != P_PID && (int)g->rdi != P_PIDFD && (g->r10 & (__WALL | __WCLONE)) != 0;
    default:
        return false;
    }
}

void arch_enter(struct registers *registers, uint64_t program, enum program_entry entry)
{
    struct user_regs_struct *g = &registers->general;

    g->orig_rax = (unsigned long long)-1; /* no call of before is to be made again */
    g->rip = program;
    if (entry == ENTER_RESTORE)
        return;
    g->rip += (uint64_t)(program_clone - program_begin);
    g->rax = SYS_clone;
    g->rdi = KEEPER_FLAGS;
    g->rsi = g->rdx = g->r10 = g->r8 = g->r9 = 0;
}

void arch_enter_call(struct registers *registers, uint64_t program, long number,
                     const uint64_t arguments[CALL_ARGUMENTS])
{
    struct user_regs_struct *g = &registers->general;

    g->orig_rax = (unsigned long long)-1;
    g->rip = program + (uint64_t)(program_call - program_begin);
    g->rax = (unsigned long long)number;
    g->rdi = arguments[0];
    g->rsi = arguments[1];
    g->rdx = arguments[2];
    g->r10 = g->r8 = g->r9 = 0;
}

void arch_enter_loop(struct registers *registers, uint64_t loop)
{
    registers->general.rip = loop;
}

void arch_enter_exit(struct registers *registers, uint64_t loop)
{
    registers->general.orig_rax =
        (unsigned long long)-1; /* a clone that a signal cut short is not made again */
    registers->general.rip = loop + (uint64_t)(loop_exit - loop_begin);
}

int arch_general_write(pid_t tid, const struct registers *registers)
{
    struct user_regs_struct general = registers->general;
    struct iovec vector = {&general, sizeof general};

    return ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &vector) < 0 ? -errno : 0;
}

long arch_result(const struct registers *registers)
{
    return (long)registers->general.rax;
}
