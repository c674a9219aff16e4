#include "view/thread_words.h"

#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

static void states_are_those_of_dotnet(void **state)
{
    static const char *const wanted[] = {"R Running", "S Wait",       "D Wait",       "T Wait",  "t Wait",
                                         "P Wait",    "Z Terminated", "X Terminated", "I Ready", "? Unknown"};

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(wanted); i++)
        assert_string_equal(thread_state_word(wanted[i][0]), wanted[i] + 2);
}

static const char *reason(char thread_state, const char *channel, int64_t system_call)
{
    struct thread_info thread = {.state = thread_state, .system_call = system_call};
    char name[SYSTEM_CALL_NAME_MAX];

    (void)snprintf(thread.wait_channel, sizeof thread.wait_channel, "%s", channel); /* literals: they fit */
    return thread_wait_reason_word(&thread, thread_system_call_name(&thread, name) ? name : NULL);
}

static void wait_reasons_come_from_channel_and_call(void **state)
{
    (void)state;
    assert_null(reason('R', "", -1));
    assert_null(reason('Z', "", -1));
    assert_null(reason('I', "worker_thread", -1));
    assert_string_equal(reason('T', "do_signal_stop", SYS_read), "Suspended");
    assert_string_equal(reason('t', "", -1), "Suspended");
    assert_string_equal(reason('S', "hrtimer_nanosleep", SYS_clock_nanosleep), "ExecutionDelay");
    assert_string_equal(reason('S', "", SYS_clock_nanosleep), "ExecutionDelay"); /* channels can be hidden */
    assert_string_equal(reason('S', "futex_wait_queue", SYS_futex), "UserRequest");
    assert_string_equal(reason('S', "futex_do_wait", SYS_futex), "UserRequest");
    assert_string_equal(reason('S', "ep_poll", SYS_epoll_pwait), "UserRequest");
    assert_string_equal(reason('S', "do_sys_poll", SYS_ppoll), "UserRequest");
    assert_string_equal(reason('S', "wait_woken", SYS_read), "UserRequest");
    assert_string_equal(reason('S', "pipe_read", SYS_read), "LpcReceive");
    assert_string_equal(reason('S', "anon_pipe_read", SYS_read), "LpcReceive");
    assert_string_equal(reason('S', "unix_stream_read_generic", SYS_recvfrom), "LpcReceive");
    assert_string_equal(reason('S', "", SYS_msgrcv), "LpcReceive");
    assert_string_equal(reason('D', "folio_wait_bit_common", -1), "PageIn");
    assert_string_equal(reason('D', "wait_on_page_bit", -1), "PageIn");
    assert_string_equal(reason('D', "balance_dirty_pages", SYS_write), "PageOut");
    assert_string_equal(reason('D', "folio_wait_writeback", SYS_fsync), "PageOut");
    assert_string_equal(reason('D', "rwsem_down_write_slowpath", SYS_munmap), "VirtualMemory");
    assert_string_equal(reason('D', "nfs_wait_bit_killable", SYS_read), "Executive");
    assert_string_equal(reason('S', "kthreadd", -1), "Executive");
    assert_string_equal(reason('S', "", -1), "Unknown");
}

static void system_calls_have_names(void **state)
{
    struct thread_info thread = {.system_call = SYS_openat};
    char name[SYSTEM_CALL_NAME_MAX] = "";

    (void)state;
    assert_true(thread_system_call_name(&thread, name));
    assert_string_equal(name, "openat");
    thread.system_call = 99999;
    assert_true(thread_system_call_name(&thread, name));
    assert_string_equal(name, "syscall_99999");
    thread.system_call = INT64_MAX;
    assert_false(thread_system_call_name(&thread, name));
    thread.system_call = -1;
    assert_false(thread_system_call_name(&thread, name));
    thread = (struct thread_info){.system_call = 3, .is_32_bit = true};
    assert_true(thread_system_call_name(&thread, name));
    assert_string_equal(name, "read"); /* 3 on i386 and on 32-bit ARM; on x86-64 3 is close */
}

static void assert_priorities(struct thread_info thread, const char *level, int base, int current)
{
    assert_string_equal(thread_priority_level_word(&thread), level);
    assert_int_equal(thread_base_priority(&thread), base);
    assert_int_equal(thread_current_priority(&thread), current);
}

static void priorities_stand_on_the_scale_of_windows(void **state)
{
    (void)state;
    assert_priorities((struct thread_info){.priority = 20}, "Normal", 8, 8);
    assert_priorities((struct thread_info){.priority = 0, .nice = -20}, "TimeCritical", 15, 15);
    assert_priorities((struct thread_info){.priority = 5, .nice = -15}, "Highest", 13, 13);
    assert_priorities((struct thread_info){.priority = 10, .nice = -10}, "AboveNormal", 12, 12);
    assert_priorities((struct thread_info){.priority = 25, .nice = 5}, "BelowNormal", 6, 6);
    assert_priorities((struct thread_info){.priority = 30, .nice = 10}, "Lowest", 4, 4);
    assert_priorities((struct thread_info){.priority = 39, .nice = 19}, "Idle", 1, 1);
    assert_priorities((struct thread_info){.priority = 20, .policy = SCHED_IDLE}, "Idle", 1, 1);
    assert_priorities((struct thread_info){.priority = 20, .policy = SCHED_BATCH}, "Normal", 8, 8);
    assert_priorities((struct thread_info){.priority = -2, .policy = SCHED_FIFO, .realtime_priority = 1},
                      "TimeCritical", 16, 16);
    assert_priorities((struct thread_info){.priority = -100, .policy = SCHED_RR, .realtime_priority = 99},
                      "TimeCritical", 31, 31);
    assert_priorities((struct thread_info){.priority = -101, .policy = 6}, "TimeCritical", 31, 31);
    /* an ordinary thread that inherits from a realtime waiter, and an idle one from an ordinary waiter */
    assert_priorities((struct thread_info){.priority = -51}, "Normal", 8, 24);
    assert_priorities((struct thread_info){.priority = 10, .policy = SCHED_IDLE}, "Idle", 1, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_those_of_dotnet),
        cmocka_unit_test(wait_reasons_come_from_channel_and_call),
        cmocka_unit_test(system_calls_have_names),
        cmocka_unit_test(priorities_stand_on_the_scale_of_windows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
