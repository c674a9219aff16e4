/* Who may not be held, and what is said about it. */
#include "target.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#define NOBODY 65534

/* trace_hold and trace_diagnose agree; the words hold `word`. */
static void expect(const struct target *target, int code, enum trace_obstacle obstacle, const char *word)
{
    struct trace_diagnosis diagnosis;
    struct trace *trace = NULL;
    struct error error = {0};
    int r = trace_hold(&target->ref, NULL, &trace, &error);

    trace_release(trace, NULL);
    assert_int_equal(r, code);
    trace_diagnose(&target->procfs, &target->ref, &diagnosis);
    assert_int_equal(diagnosis.obstacle, obstacle);
    if (code != 0) {
        assert_non_null(strstr(error.text, word));
        assert_non_null(strstr(diagnosis.reason, word));
        assert_true(strlen(diagnosis.mend) > 0);
    }
}

static struct target start_child(void (*prepare)(void))
{
    int prepared[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe2(prepared, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* the test's failure must not leave it behind */
        if (prepare)
            prepare();
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* another user's has none */
        (void)close(prepared[1]);
        for (;;)
            pause();
    }
    (void)close(prepared[1]);
    assert_int_equal(io_read_full(prepared[0], &byte, 1), 0); /* prepared, ended, or another program */
    (void)close(prepared[0]);
    return target_adopt(pid, -1);
}

static void become_nobody(void)
{
    if (setresgid(NOBODY, NOBODY, NOBODY) != 0 || setresuid(NOBODY, NOBODY, NOBODY) != 0)
        _exit(1);
}

/* Runs the check in a child that is nobody, as the test's own user is root. */
static void as_nobody(void (*check)(const struct target *), const struct target *target)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        become_nobody();
        check(target);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_allowed(void **state)
{
    struct target target = start_child(NULL);

    (void)state;
    expect(&target, 0, TRACE_ALLOWED, "");
    target_stop(&target);
}

static void test_traced_by_another(void **state)
{
    struct target target = target_start("shapes", "threads", "3");
    char word[32];
    int ready[2];
    char byte;
    pid_t tracer;

    (void)state;
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    tracer = fork();
    if (tracer == 0) {
        if (ptrace(PTRACE_SEIZE, target.pid, NULL, NULL) < 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)snprintf(word, sizeof word, "process %d (", tracer);
    expect(&target, -EBUSY, TRACE_OBSTACLE_TRACED, word);
    assert_int_equal(kill(tracer, SIGKILL), 0);
    assert_int_equal(waitpid(tracer, NULL, 0), tracer);
    expect(&target, 0, TRACE_ALLOWED, "");
    close(ready[0]);
    close(ready[1]);
    target_stop(&target);
}

/* That passes: no obstacle. */
static void test_held_by_ourselves(void **state)
{
    struct target target = target_start("shapes", "threads", "3");
    struct trace *trace = target_hold(&target), *other = NULL;
    const struct trace_options shortly = {.wait_ms = 20};
    struct trace_diagnosis diagnosis;
    struct error error = {0};

    (void)state;
    assert_int_equal(trace_hold(&target.ref, NULL, &other, NULL), -EBUSY);
    assert_int_equal(trace_hold(&target.ref, &shortly, &other, &error), -EBUSY);
    assert_non_null(strstr(error.text, "held by procscope already"));
    trace_diagnose(&target.procfs, &target.ref, &diagnosis);
    assert_int_equal(diagnosis.obstacle, TRACE_ALLOWED);
    trace_release(trace, NULL);
    expect(&target, 0, TRACE_ALLOWED, "");
    target_stop(&target);
}

static void end(void)
{
    _exit(0);
}

static void test_zombie_and_gone(void **state)
{
    struct target target = start_child(end);

    (void)state;
    target_await_state(&target, 'Z');
    expect(&target, -EBUSY, TRACE_OBSTACLE_ZOMBIE, "zombie");
    assert_int_equal(waitpid(target.pid, NULL, 0), target.pid);
    expect(&target, -ESRCH, TRACE_OBSTACLE_GONE, "not running");
    target_close(&target);
}

static void test_kernel_thread(void **state)
{
    struct proc_stat stat;
    struct target target;

    (void)state;
    if (access("/proc/2/stat", F_OK) != 0)
        skip();
    target = target_adopt(2, -1);
    if (proc_stat_read(target.ref.dir_fd, &stat) == 0 && (stat.flags & PROC_FLAG_KERNEL_THREAD) != 0)
        expect(&target, -EINVAL, TRACE_OBSTACLE_KERNEL_THREAD, "kernel");
    target_close(&target);
}

static void check_other_user(const struct target *target)
{
    expect(target, -EPERM, TRACE_OBSTACLE_USER, "user 65534");
}

static void become_undumpable_nobody(void)
{
    become_nobody();
    if (prctl(PR_SET_DUMPABLE, 0) != 0)
        _exit(1);
}

static void check_undumpable(const struct target *target)
{
    expect(target, -EPERM, TRACE_OBSTACLE_DUMPABLE, "dumpable");
}

static void test_not_permitted(void **state)
{
    struct target target;

    (void)state;
    if (geteuid() != 0)
        skip();
    target = start_child(NULL);
    as_nobody(check_other_user, &target);
    target_stop(&target);
    target = start_child(become_undumpable_nobody);
    as_nobody(check_undumpable, &target);
    target_stop(&target);
}

/* A filter that answers EPERM to ptrace, as container engines have had. */
static void refuse_ptrace(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ptrace, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = ELEMENTS_OF(filter), .filter = filter};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        _exit(1);
}

static void test_seccomp(void **state)
{
    struct target target = start_child(NULL);
    int status;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        refuse_ptrace();
        expect(&target, -EPERM, TRACE_OBSTACLE_SECCOMP, "seccomp");
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    target_stop(&target);
}

#if defined(__x86_64__)
/* The smallest i386 program: pause() in a loop. */
static const uint8_t program_32[] = {
    0x7f, 'E',  'L', 'F',  1,    1,    1,    0,    0,    0,    0,    0,    0,  0,    0,  0, /* ELFCLASS32,
                                                                                               little endian
                                                                                             */
    2,    0,    3,   0,    1,    0,    0,    0,    0x54, 0x80, 0x04, 0x08, /* executable, i386, entry
                                                                              0x08048054 */
    52,   0,    0,   0,    0,    0,    0,    0,    0,    0,    0,    0,    52, 0,    32, 0, 1,
    0,    0,    0,   0,    0,    0,    0,    1,    0,    0,    0,    0,    0,  0,    0,  0, 0x80,
    0x04, 0x08, 0,   0x80, 0x04, 0x08, /* PT_LOAD at 0x08048000 */
    0x5d, 0,    0,   0,    0x5d, 0,    0,    0,    5,    0,    0,    0,    0,  0x10, 0,  0, 0xb8,
    29,   0,    0,   0,    0xcd, 0x80, 0xeb, 0xf7, /* mov $29,%eax; int $0x80; jmp */
};

static void execute_32_bit(void)
{
    char *const nothing[] = {NULL}, name[] = "program_32", *const arguments[] = {name, NULL};
    int fd = memfd_create("program_32", 0);

    if (fd >= 0 && write(fd, program_32, sizeof program_32) == (ssize_t)sizeof program_32)
        (void)fexecve(fd, arguments, nothing);
    _exit(1); /* a kernel without 32-bit programs */
}

static void test_32_bit(void **state)
{
    struct target target = start_child(execute_32_bit);

    (void)state;
    if (target_state(&target) != 'Z')
        expect(&target, -EOPNOTSUPP, TRACE_OBSTACLE_32_BIT, "32-bit");
    else
        print_message("this kernel runs no 32-bit program\n");
    target_stop(&target);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_traced_by_another),
        cmocka_unit_test(test_held_by_ourselves),
        cmocka_unit_test(test_zombie_and_gone),
        cmocka_unit_test(test_kernel_thread),
        cmocka_unit_test(test_not_permitted),
        cmocka_unit_test(test_seccomp),
#if defined(__x86_64__)
        cmocka_unit_test(test_32_bit),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
