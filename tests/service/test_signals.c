/* What is called within some time, and never comes back. */
#include "base/cleanup.h"
#include "service/signals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void go_on_for_ever(void)
{
    for (volatile unsigned rounds = 0;; rounds++)
        ;
}

static unsigned calls;

static void count(void)
{
    calls++;
}

static void ends_a_process_that_does_not_come_back(void **state _unused_)
{
    static const int ignored[] = {SIGALRM};
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        signals_ignore(ignored, ELEMENTS_OF(ignored)); /* as it may have been inherited */
        signals_unblock();
        signals_call_within(1, go_on_for_ever);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGALRM);
}

static void leaves_no_alarm_behind(void **state _unused_)
{
    signals_call_within(1000, count);
    assert_int_equal(calls, 1);
    assert_int_equal(alarm(0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_a_process_that_does_not_come_back),
        cmocka_unit_test(leaves_no_alarm_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
