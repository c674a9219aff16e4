/* Several procscopes want one process: each gets its turn, and the process notices none of them. */
#include "target.h"

#include <stdarg.h>
#include <stdint.h>
#include <sys/ptrace.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

enum { HOLDERS = 6, HOLDS = 60, LONG_MS = 100000 };

static const struct trace_options patient = {.deadline_ms = LONG_MS, .wait_ms = LONG_MS};

/* In a child: says so while it holds the target, until it is told to let go. */
static pid_t hold_until_told(const struct target *target, int held, int told)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        struct trace *trace = NULL;
        char byte;

        if (trace_hold(&target->ref, &patient, &trace, NULL) < 0 || write(held, "x", 1) != 1 ||
            read(told, &byte, 1) != 1)
            _exit(1);
        trace_release(trace, NULL);
        _exit(0);
    }
    return pid;
}

static void expect_success(pid_t child)
{
    int status = -1;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void one_waits_for_another(void **state)
{
    struct target target = target_start("shapes", "threads", "3");
    uint64_t waited_ns = 0;
    struct trace_options options = patient;
    struct trace *trace = NULL;
    struct error error = {0};
    int held[2], told[2];
    char byte;
    pid_t child;

    (void)state;
    options.waited_ns = &waited_ns;
    assert_int_equal(pipe2(held, O_CLOEXEC), 0);
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    child = hold_until_told(&target, held[1], told[0]);
    assert_int_equal(read(held[0], &byte, 1), 1);

    options.wait_ms = 20;
    assert_int_equal(trace_hold(&target.ref, &options, &trace, &error), -EBUSY);
    assert_non_null(strstr(error.text, "held by procscope already"));
    assert_true(waited_ns > 0);

    assert_int_equal(write(told[1], "x", 1), 1);
    assert_int_equal(trace_hold(&target.ref, &patient, &trace, NULL), 0);
    expect_success(child);
    trace_release(trace, NULL);
    for (int i = 0; i < 2; i++) {
        close(held[i]);
        close(told[i]);
    }
    target_await_freedom(&target);
    target_stop(&target);
}

/* Nobody waits for a stranger, and not for a holder that died. */
static void only_ours_are_waited_for(void **state)
{
    struct target target = target_start("shapes", "threads", "3");
    struct trace *trace = NULL;
    int held[2], told[2];
    char byte;
    pid_t child;

    (void)state;
    assert_int_equal(pipe2(held, O_CLOEXEC), 0);
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (ptrace(PTRACE_SEIZE, target.pid, NULL, NULL) < 0 || write(held[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(held[0], &byte, 1), 1);
    assert_int_equal(trace_hold(&target.ref, &patient, &trace, NULL),
                     -EBUSY); /* at once, or the test hangs */
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);

    child = hold_until_told(&target, held[1], told[0]);
    assert_int_equal(read(held[0], &byte, 1), 1);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(trace_hold(&target.ref, &patient, &trace, NULL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    trace_release(trace, NULL);
    for (int i = 0; i < 2; i++) {
        close(held[i]);
        close(told[i]);
    }
    target_stop(&target);
}

static void hold_again_and_again(const struct target *target)
{
    for (int i = 0; i < HOLDS; i++) {
        struct trace *trace = NULL;
        struct error error = {0};

        if (trace_hold(&target->ref, &patient, &trace, &error) < 0) {
            fprintf(stderr, "hold %d: %s\n", i, error.text);
            _exit(1);
        }
        trace_release(trace, NULL);
    }
    _exit(0);
}

static void all_at_the_same_time(void **state)
{
    struct target targets[] = {target_start("witness", NULL, NULL), target_start("shapes", "threads", "30")};
    pid_t holders[2][HOLDERS];
    char said[8192];

    (void)state;
    for (size_t t = 0; t < 2; t++)
        for (size_t i = 0; i < HOLDERS; i++) {
            holders[t][i] = fork();
            assert_true(holders[t][i] >= 0);
            if (holders[t][i] == 0)
                hold_again_and_again(&targets[t]);
        }
    for (size_t t = 0; t < 2; t++)
        for (size_t i = 0; i < HOLDERS; i++)
            expect_success(holders[t][i]);
    target_await_freedom(&targets[0]);
    target_await_freedom(&targets[1]);
    target_report(&targets[0], said, sizeof said);
    assert_int_equal(target_number(said, "checksum_errors"), 0);
    assert_int_equal(target_number(said, "signals_handled"), target_number(said, "signals_sent"));
    assert_int_equal(target_number(said, "signals_out_of_order"), 0);
    assert_int_equal(target_number(said, "children_noticed"), 0);
    target_stop(&targets[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_waits_for_another),
        cmocka_unit_test(only_ours_are_waited_for),
        cmocka_unit_test(all_at_the_same_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
