/* The clone is of one instant; the target runs on and sees nothing of it. */
#include "cloned.h"
#include "spin.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { SECOND = 1000 };

/* trace_memory of a process that runs, and the words that spin() writes one after the other. */
static void check_instant(struct trace *trace)
{
    unsigned long one, two, again;

    assert_int_equal(memory_read_exactly(trace_memory(trace), (uint64_t)first, &one, sizeof one), 0);
    await_rounds(2);
    assert_int_equal(memory_read_exactly(trace_memory(trace), (uint64_t)second, &two, sizeof two), 0);
    assert_true(one - two <= 1);
    assert_int_equal(memory_read_exactly(trace_memory(trace), (uint64_t)first, &again, sizeof again), 0);
    assert_int_equal(again, one);
}

static void is_of_one_instant(void **state)
{
    struct target target = start_function(spin);

    (void)state;
    for (int i = 0; i < 30; i++) {
        struct trace *trace;

        await_rounds(1);
        trace = must_take(&target);
        trace_let_go(trace, NULL);
        check_instant(trace);
        trace_release(trace, NULL);
        assert_int_equal(told->wrong, 0);
    }
    check_let_go(&target, 1);
    target_stop(&target);
}

static void witness_sees_nothing(void **state)
{
    struct target witness = target_start("witness", NULL, NULL);
    size_t threads, children;

    (void)state;
    count_threads_and_children(&witness, &threads, &children);
    for (int i = 0; i < 100; i++) {
        struct trace *trace = must_take(&witness);

        if (i % 2)
            trace_let_go(trace, NULL);
        if (i % 3)
            pause_ms(2);
        trace_release(trace, NULL);
    }
    check_let_go(&witness, threads);
    assert_int_equal(check_witness(&witness), 0);
}

static void *wait_for_nothing(void *unused)
{
    siginfo_t info;

    (void)unused;
    for (;;) {
        if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) != -1 || errno != ECHILD)
            told->wrong++;
        told->rounds++;
    }
    return NULL;
}

static void wait_and_sleep(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, wait_for_nothing, NULL) != 0)
        _exit(1);
    for (;;)
        pause();
}

static void no_child_is_seen(void **state)
{
    struct target target = start_function(wait_and_sleep);

    (void)state;
    for (int i = 0; i < 50; i++) {
        struct trace *trace;

        await_rounds(100);
        trace = must_take(&target);
        trace_let_go(trace, NULL);
        await_rounds(100);
        trace_release(trace, NULL);
        await_rounds(100);
    }
    assert_int_equal(told->wrong, 0);
    check_let_go(&target, 2);
    target_stop(&target);
}

/* Two of us at once: each has its clone, and the keeper of one is to the other a thread like others. */
static void another_may_have_one_too(void **state)
{
    struct target target = start_function(spin);
    struct trace *first_trace, *second_trace;

    (void)state;
    await_rounds(1);
    first_trace = must_take(&target);
    trace_let_go(first_trace, NULL);
    for (int i = 0; i < 3; i++) {
        second_trace = must_take(&target);
        trace_let_go(second_trace, NULL);
        check_instant(second_trace);
        check_instant(first_trace);
        if (i < 2)
            trace_release(second_trace, NULL);
    }
    trace_release(first_trace, NULL);
    check_instant(second_trace);
    trace_release(second_trace, NULL);
    assert_int_equal(told->wrong, 0);
    check_let_go(&target, 1);
    target_stop(&target);
}

static void holds_no_files(void **state)
{
    struct target witness = target_start("witness", NULL, NULL);
    struct trace *trace = must_take(&witness);
    _cleanup_id_list_ struct id_list ids = {0};
    _cleanup_buffer_ struct buffer text = {.limit = 64};
    char byte;

    (void)state;
    trace_let_go(trace, NULL);
    assert_int_equal(id_list_read(trace_clone_directory(trace), "fd", &ids), 0);
    assert_int_equal(ids.count, 0);
    assert_int_equal(io_read_file_at(trace_clone_directory(trace), "comm", &text), 0);
    assert_string_equal(buffer_string(&text), "procscope-clone\n");
    buffer_clear(&text);
    assert_int_equal(io_read_file_at(trace_clone_directory(trace), "oom_score_adj", &text), 0);
    assert_string_equal(buffer_string(&text), "1000\n");
    assert_int_equal(kill(witness.pid, SIGKILL), 0);
    assert_int_equal(waitpid(witness.pid, NULL, 0), witness.pid);
    assert_int_equal(read(witness.output, &byte, 1), 0); /* the end, though the clone lives */
    assert_int_equal(kill(trace_clone_id(trace), 0), 0);
    trace_release(trace, NULL);
    target_close(&witness);
}

/* The instant is the registers', too, and the vdso is as the kernel made it. */
static void has_the_targets_vdso(void **state)
{
    struct target target = start_function(spin);
    struct snapshot_options options;
    struct trace *trace;
    static uint8_t own[65536], cloned[65536];
    uint64_t size;

    (void)state;
    await_rounds(1);
    assert_int_equal(snapshot_suits(&target.ref, &options, NULL), 0);
    size = options.vdso_end - options.vdso_start - 64; /* the loop stays */
    assert_in_range(size, 4000, sizeof own);
    memcpy(own, (void *)options.vdso_start, size); /* a child's is where its parent's is */
    for (int i = 0; i < 3; i++) {
        trace = must_take(&target);
        trace_let_go(trace, NULL);
        assert_int_equal(memory_read_exactly(trace_memory(trace), options.vdso_start, cloned, size), 0);
        assert_memory_equal(own, cloned, size);
        trace_release(trace, NULL);
    }
    target_stop(&target);
}

/* --- when not to --- */

static void expect_refusal(const struct target *target, int expected)
{
    struct trace *trace = NULL;
    struct error error = {0};

    assert_int_equal(take(target, &trace, &error), -expected);
    assert_int_equal(error.code, expected);
    assert_true(strlen(error.text) > 20);
}

static void ready_and_sleep(void)
{
    told->rounds++;
    for (;;)
        pause_ms(100 * SECOND);
}

static void become_ordinary(void)
{
    if (geteuid() == 0 && setresuid(64321, 64321, 64321) != 0)
        _exit(1);
}

static void be_the_last_of_a_user(void)
{
    const struct rlimit one = {1, 1};

    (void)setrlimit(RLIMIT_NPROC, &one);
    become_ordinary();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    ready_and_sleep();
}

static void wait_for_clones(void)
{
    pid_t child = fork();

    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        told->rounds++; /* not before it: who killed us then would leave the child behind */
        for (;;)
            pause();
    }
    (void)waitpid(-1, NULL, __WALL);
}

static void count(int number)
{
    (void)number;
    told->rounds++;
}

/* The signal is blocked but for the call: one that is lost is waited for in vain. */
static void suspend(void)
{
    const struct sigaction action = {.sa_handler = count};
    sigset_t mine, none;

    sigemptyset(&none);
    sigemptyset(&mine);
    sigaddset(&mine, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &mine, NULL);
    (void)sigaction(SIGUSR1, &action, NULL);
    told->rounds++;
    for (;;) {
        if (sigsuspend(&none) != -1 || errno != EINTR)
            told->wrong++;
        if (sigprocmask(SIG_BLOCK, NULL, &none) < 0 || !sigismember(&none, SIGUSR1))
            told->wrong++;
        sigemptyset(&none);
    }
}

static void loses_no_signal_of_one_who_waits_for_it(void **state)
{
    struct target target = start_function(suspend);

    (void)state;
    await_first_round();
    for (int i = 0; i < 200; i++) {
        struct trace *trace;
        unsigned long before = told->rounds;
        pid_t sender = i % 2 ? fork() : -1;

        if (sender == 0) {
            const struct timespec pause = {.tv_nsec = i * 5000};

            (void)nanosleep(&pause, NULL);
            _exit(kill(target.pid, SIGUSR1) < 0);
        }
        trace = must_take(&target);
        if (i % 2 == 0)
            assert_int_equal(kill(target.pid, SIGUSR1), 0);
        trace_let_go(trace, NULL);
        for (int waited = 0; waited < 20000 && told->rounds == before; waited++)
            pause_ms(1);
        assert_int_equal(told->rounds, before + 1);
        trace_release(trace, NULL);
        if (sender > 0)
            assert_int_equal(waitpid(sender, NULL, 0), sender);
    }
    assert_int_equal(told->wrong, 0);
    check_let_go(&target, 1);
    target_stop(&target);
}

/* With the direction flag, which the program could not give back. */
static void walk_backwards(void)
{
    told->rounds++;
    __asm__ volatile("std\n 1: jmp 1b" ::: "cc", "memory");
}

/* Until it sleeps in its last call, or has been in its last loop for a while. */
static void await_call_or_loop(const struct target *target)
{
    struct proc_stat stat = {0};

    for (int i = 0; i < 20000; i++) {
        assert_int_equal(proc_stat_read(target->ref.dir_fd, &stat), 0);
        if (stat.state == 'S' || stat.user_ticks >= 5)
            return;
        pause_ms(1);
    }
    fail_msg("state %c after %llu ticks", stat.state, (unsigned long long)stat.user_ticks);
}

static void refuses(void **state)
{
    static void (*const targets[])(void) = {walk_backwards, wait_for_clones, be_the_last_of_a_user};
    static const int expected[] = {EAGAIN, EOPNOTSUPP, EAGAIN};
    size_t count = ELEMENTS_OF(targets) - (geteuid() != 0 ? 1 : 0);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct target target;

        (void)forget_told(state);
        target = start_function(targets[i]);
        await_first_round();
        await_call_or_loop(&target);
        expect_refusal(&target, expected[i]);
        target_await_freedom(&target);
        target_stop(&target);
    }
}

static void leaves_a_stopped_target_stopped(void **state)
{
    struct target target = start_function(spin);

    (void)state;
    await_rounds(1);
    assert_int_equal(kill(target.pid, SIGSTOP), 0);
    target_await_state(&target, 'T');
    expect_refusal(&target, EOPNOTSUPP);
    assert_int_equal(target_state(&target), 'T');
    target_stop(&target);
}

static void *go_on(void *unused)
{
    (void)unused;
    ready_and_sleep();
    return NULL;
}

static void end_leader(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, go_on, NULL) != 0)
        _exit(1);
    pthread_exit(NULL);
}

static void knows_a_leader_that_ended(void **state)
{
    struct target target = start_function(end_leader);

    (void)state;
    await_first_round();
    target_await_state(&target, 'Z');
    expect_refusal(&target, EOPNOTSUPP);
    target_stop(&target);
}

static void spin_filtered(struct sock_filter *code, size_t count)
{
    struct sock_fprog program = {(unsigned short)count, code};

    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        _exit(1);
    spin();
}

static void spin_with_deadly_clone(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    spin_filtered(code, ELEMENTS_OF(code));
}

/* What the keeper does after the clone counts as well. */
static void spin_with_failing_wait(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_wait4, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    };
    spin_filtered(code, ELEMENTS_OF(code));
}

/* As Docker's: a clone may be anything but a new user namespace; what is unknown fails. */
static void spin_in_a_container(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWUSER, 3, 2),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 2, 0), /* the clone need not make it */
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    spin_filtered(code, ELEMENTS_OF(code));
}

static void looks_at_filters(void **state)
{
    static void (*const targets[])(void) = {spin_with_deadly_clone, spin_with_failing_wait,
                                            spin_in_a_container};

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(targets); i++) {
        struct target target;

        (void)forget_told(state);
        target = start_function(targets[i]);
        await_first_round();
        if (geteuid() != 0 || i < 2)
            expect_refusal(&target, EOPNOTSUPP);
        else
            for (int j = 0; j < 10; j++) {
                struct trace *trace = must_take(&target);

                trace_let_go(trace, NULL);
                check_instant(trace);
                trace_release(trace, NULL);
                check_let_go(&target, 1);
            }
        await_rounds(3);
        assert_int_equal(told->wrong, 0);
        target_stop(&target);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(is_of_one_instant, forget_told),
        cmocka_unit_test_setup(witness_sees_nothing, forget_told),
        cmocka_unit_test_setup(no_child_is_seen, forget_told),
        cmocka_unit_test_setup(another_may_have_one_too, forget_told),
        cmocka_unit_test_setup(holds_no_files, forget_told),
        cmocka_unit_test_setup(has_the_targets_vdso, forget_told),
        cmocka_unit_test_setup(loses_no_signal_of_one_who_waits_for_it, forget_told),
        cmocka_unit_test_setup(refuses, forget_told),
        cmocka_unit_test_setup(leaves_a_stopped_target_stopped, forget_told),
        cmocka_unit_test_setup(knows_a_leader_that_ended, forget_told),
        cmocka_unit_test_setup(looks_at_filters, forget_told),
    };

    return cmocka_run_group_tests(tests, prepare_spin, NULL);
}
