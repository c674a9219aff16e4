/* Our reading of a filter is the kernel's: a child answers a system call by what its filter calculates. */
#include "trace/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#else
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

enum { LINES_MAX = 24, LOW_BYTE = 0xff };

/* All but getppid is allowed; that fails with the low byte of what the lines leave in A. */
static size_t complete(const struct sock_filter *lines, size_t count, struct sock_filter *code)
{
    const struct sock_filter first[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_filter last[] = {
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, LOW_BYTE),
        BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };

    memcpy(code, first, sizeof first);
    memcpy(code + ELEMENTS_OF(first), lines, count * sizeof lines[0]);
    memcpy(code + ELEMENTS_OF(first) + count, last, sizeof last);
    return ELEMENTS_OF(first) + count + ELEMENTS_OF(last);
}

static int ask_kernel(struct sock_filter *code, size_t count, const struct seccomp_data *call)
{
    struct sock_fprog program = {(unsigned short)count, code};
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        long r;

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
            _exit(LOW_BYTE);
        r = syscall(SYS_getppid, call->args[0], call->args[1], call->args[2], call->args[3], call->args[4],
                    call->args[5]);
        _exit(r == -1 ? errno & LOW_BYTE : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void calculates_as_the_kernel(void **state)
{
    static const struct seccomp_data call = {
        SYS_getppid, OWN_ARCHITECTURE, 0, {0x1122334455667788, 7, 0, 0xffffffff00000003, 5, 6}};
#define ARGUMENT(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[n]))
#define TAKE BPF_STMT(BPF_MISC | BPF_TAX, 0)
    static const struct sock_filter programs[][LINES_MAX] = {
        {ARGUMENT(0), BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4), BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 3)},
        {ARGUMENT(1), TAKE, ARGUMENT(3), BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0)},
        {ARGUMENT(2), TAKE, ARGUMENT(1), BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
         BPF_STMT(BPF_ALU | BPF_NEG, 0)},
        {ARGUMENT(0), BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 9), BPF_STMT(BPF_ALU | BPF_XOR | BPF_K, 0x5a)},
        {ARGUMENT(4), BPF_STMT(BPF_ST, 3), ARGUMENT(5), BPF_STMT(BPF_LDX | BPF_MEM, 3),
         BPF_STMT(BPF_ALU | BPF_LSH | BPF_X, 0)},
        {ARGUMENT(4), BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 4, 1, 0), BPF_STMT(BPF_LD | BPF_IMM, 11),
         BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 20)},
        {ARGUMENT(4), BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 6, 1, 0), BPF_STMT(BPF_LD | BPF_IMM, 11),
         BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 20)},
        {ARGUMENT(3), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 2, 0, 1), BPF_STMT(BPF_LD | BPF_IMM, 33), TAKE,
         BPF_STMT(BPF_MISC | BPF_TXA, 0)},
        {BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_STMT(BPF_JMP | BPF_JA, 1), BPF_STMT(BPF_LD | BPF_IMM, 1),
         BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1)},
        {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch))},
    };
    static const size_t counts[] = {3, 4, 5, 3, 5, 4, 4, 5, 4, 1};

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(programs); i++) {
        struct sock_filter code[LINES_MAX];
        size_t count = complete(programs[i], counts[i], code);
        uint32_t answer = 0;

        assert_int_equal(filter_run(code, count, &call, &answer), 0);
        if ((int)(answer & LOW_BYTE) != ask_kernel(code, count, &call))
            fail_msg("program %zu: %#x", i, answer);
    }
}

static void judges_by_the_strictest(void **state)
{
    struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_filter log = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_LOG);
    struct sock_filter fail = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    struct sock_filter trap = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    struct filter filters[] = {{&allow, 1}, {&log, 1}, {&fail, 1}, {&trap, 1}};
    const struct seccomp_data call = {.nr = SYS_getppid};

    (void)state;
    assert_int_equal(filters_judge(&(struct filter_list){filters, 0, 0}, &call), FILTER_ALLOWS);
    assert_int_equal(filters_judge(&(struct filter_list){filters, 2, 2}, &call), FILTER_ALLOWS);
    assert_int_equal(filters_judge(&(struct filter_list){filters, 3, 3}, &call), FILTER_FAILS);
    assert_int_equal(filters_judge(&(struct filter_list){filters, 4, 4}, &call), FILTER_HARMS);
}

static void refuses_what_is_no_filter(void **state)
{
    const struct seccomp_data call = {.nr = SYS_getppid};
    const struct sock_filter bad[][2] = {
        {BPF_STMT(BPF_LD | BPF_IMM, 1), BPF_STMT(BPF_LD | BPF_IMM, 1)}, /* no end */
        {BPF_STMT(BPF_JMP | BPF_JA, 7), BPF_STMT(BPF_RET | BPF_K, 0)},
        {BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff), BPF_STMT(BPF_RET | BPF_K, 0)},
        {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), BPF_STMT(BPF_RET | BPF_K, 0)},
        {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 3), BPF_STMT(BPF_RET | BPF_K, 0)},
        {BPF_STMT(BPF_ST, BPF_MEMWORDS), BPF_STMT(BPF_RET | BPF_K, 0)},
        {BPF_STMT(BPF_LD | BPF_MEM, 0xffffffff), BPF_STMT(BPF_RET | BPF_K, 0)},
        {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer)),
         BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)},
    };
    uint32_t answer = 77;

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(bad); i++)
        assert_int_equal(filter_run(bad[i], 2, &call, &answer), -EBADMSG);
    assert_int_equal(filter_run(bad[0], 0, &call, &answer), -EBADMSG);
    assert_int_equal(answer, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calculates_as_the_kernel),
        cmocka_unit_test(judges_by_the_strictest),
        cmocka_unit_test(refuses_what_is_no_filter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
