#include "proc/host.h"

#include "base/clock.h"
#include "proc/stat.h"
#include "support.h"

#include <stdlib.h>

static void recorded_host(void **state)
{
    _cleanup_procfs_ struct procfs recorded = open_procfs(PROC_FIXTURES "recorded"),
                                   without = open_procfs(PROC_FIXTURES "cut");
    struct host host = {.page_size = 77};
    (void)state;

    assert_int_equal(host_read(&without, &host), -ENOENT);
    assert_int_equal(host.page_size, 77);
    assert_int_equal(host_read(&recorded, &host), 0);
    assert_int_equal(host.boot_time_ns, 1700000000000000000);
    assert_int_equal(host.page_size, sysconf(_SC_PAGESIZE));
}

static void times_of_ticks(void **state)
{
    struct host host = {.boot_time_ns = 1000, .ticks_per_second = 100};
    (void)state;

    assert_int_equal(host_time_of_ticks(&host, 0), 1000);
    assert_int_equal(host_time_of_ticks(&host, 1), 10001000);
    assert_int_equal(host_time_of_ticks(&host, 12345), 123450001000);
    assert_true(host_time_of_ticks(&host, UINT64_MAX) == INT64_MAX);
    host.boot_time_ns = INT64_MAX - 5;
    assert_true(host_time_of_ticks(&host, 1) == INT64_MAX);
    host.ticks_per_second = 1024;
    host.boot_time_ns = 0;
    assert_int_equal(host_time_of_ticks(&host, 1024), 1000000000);
    assert_int_equal(host_time_of_ticks(&host, 512), 500000000);
}

/* A child that starts between two looks at the clock has started between them, to a tick. */
static void start_time_of_a_child_is_now(void **state)
{
    _cleanup_procfs_ struct procfs procfs = open_procfs("/proc");
    _cleanup_pidref_ struct pidref ref = PIDREF_INIT;
    struct host host, again;
    int64_t before, after, start, tick;
    pid_t pid;
    (void)state;

    assert_int_equal(host_read(&procfs, &host), 0);
    tick = 1000000000 / (int64_t)host.ticks_per_second;
    before = clock_realtime_ns();
    pid = start_child(NULL);
    after = clock_realtime_ns();
    assert_int_equal(pidref_open(&procfs, pid, &ref, NULL), 0);
    start = host_time_of_ticks(&host, ref.start_time);
    assert_true(start >= before - tick - 1000000);
    assert_true(start <= after + 1000000);
    end_child(pid);
    assert_int_equal(host_read(&procfs, &again), 0);
    assert_true(llabs(again.boot_time_ns - host.boot_time_ns) <= 1000000);
    assert_true(host.name[0] != '\0');
    assert_int_equal(strncmp(host.version, "Linux ", 6), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_host),
        cmocka_unit_test(times_of_ticks),
        cmocka_unit_test(start_time_of_a_child_is_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
