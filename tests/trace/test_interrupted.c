/* Since when a thread waits, from made-up files; and what calls with a timeout say of repeated holds. x86-64
 * only: elsewhere no call can be mended. */
#include "cloned.h"
#include "target.h"
#include "trace/interrupted.h"
#include "trace/threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREAD = 7, LENGTH_MS = 1000, DUMPS = 10 };

/* --- made-up files --- */

struct files {
    const char *syscall, *sched, *schedstat;
};

static const char stat_text[] = "7 (a) S 1 7 7 0 -1 0 0 0 0 0 1 2 3 4 20 0 1 0 99 4096 1 "
                                "18446744073709551615 1 1 1 0 0 0 0 0 0 1 0 0 17 3 0 0 0 0 0\n";
static const char sched_text[] = "a (7, #threads: 1)\n"
                                 "-------------------------------------------------------------------\n"
                                 "se.exec_start                                :      11921145.315501\n"
                                 "se.vruntime                                  :          8441.794255\n"
                                 "se.sum_exec_runtime                          :             0.000000\n"
                                 "se.nr_migrations                             :                    0\n"
                                 "nr_switches                                  :                   12\n"
                                 "nr_voluntary_switches                        :                    9\n"
                                 "nr_involuntary_switches                      :                    3\n";

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[256];
    FILE *file;

    if (!text)
        return;
    (void)snprintf(path, sizeof path, "%s/task/%d/%s", folder, THREAD, name);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static struct traced_thread looked_at(const struct files *files)
{
    static const char *const names[] = {"task/7/syscall", "task/7/sched", "task/7/schedstat",
                                        "task/7/stat",    "task/7",       "task"};
    char folder[] = "/tmp/procscope-interrupted-XXXXXX";
    struct traced_thread thread = {.tid = THREAD};
    struct pidref process = PIDREF_INIT;

    assert_non_null(mkdtemp(folder));
    process.pid = THREAD;
    process.dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(process.dir_fd >= 0);
    assert_int_equal(mkdirat(process.dir_fd, "task", 0700), 0);
    assert_int_equal(mkdirat(process.dir_fd, "task/7", 0700), 0);
    write_file(folder, "syscall", files->syscall);
    write_file(folder, "sched", files->sched);
    write_file(folder, "schedstat", files->schedstat);
    write_file(folder, "stat", stat_text);
    thread.alone = interrupted_look(&process, thread.tid, &thread.waited);
    for (size_t i = 0; i < ELEMENTS_OF(names); i++)
        (void)unlinkat(process.dir_fd, names[i], i < 4 ? 0 : AT_REMOVEDIR); /* not all were made */
    assert_int_equal(rmdir(folder), 0);
    (void)fd_close(process.dir_fd);
    return thread;
}

static struct traced_thread in_call(long number, const char *timeout)
{
    struct files files = {.sched = sched_text, .schedstat = "5 6 12\n"};
    char call[256];

    (void)snprintf(call, sizeof call, "%ld 0x5 0x7ffeeffc37c8 0x1 %s 0x0 0x0 0x7ffe 0x7f38\n", number,
                   timeout);
    files.syscall = call;
    return looked_at(&files);
}

static void knows_who_waits_since_when(void **state)
{
    struct traced_thread thread = in_call(SYS_epoll_pwait, "0x4e20");

    (void)state;
    assert_true(thread.alone);
    assert_int_equal(thread.waited.known, WAITED_SLEPT);
    assert_int_equal(thread.waited.since_ns, 11921145315501);
    assert_int_equal(thread.waited.processor, 3);
    assert_int_equal(thread.waited.runs, 12);
    assert_int_equal(thread.waited.sleeps, 9);
}

static void looks_no_further_where_it_does_not_matter(void **state)
{
    static const char *const others[] = {"0xffffffff", "0x0", "0x9"};

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(others); i++) {
        struct traced_thread thread = in_call(SYS_epoll_pwait, others[i]);

        assert_true(thread.alone);
        assert_int_equal(thread.waited.known, WAITED_UNKNOWN);
    }
    assert_true(in_call(SYS_semtimedop, "0x4e20").alone);
    assert_int_equal(in_call(SYS_semtimedop, "0x4e20").waited.known, WAITED_UNKNOWN);
    assert_false(in_call(SYS_futex, "0x4e20").alone);
}

static void knows_nothing_rather_than_something_wrong(void **state)
{
    char call[] = "281 0x5 0x7ff 0x1 0x4e20 0x0 0x0 0x7ffe 0x7f38\n";
    const struct files wrong[] = {
        {call, NULL, "5 6 12\n"},
        {call, "", "5 6 12\n"},
        {call, sched_text, NULL},
        {call, sched_text, "0 0 0\n"},
        {call, sched_text, "5 6\n"},
        {call, sched_text, "5 6 99999999999999999999999\n"},
        {call, "a (7)\n--\nse.exec_start :\n", "5 6 12\n"},
        {call, "a (7)\n--\nse.exec_start : 5\nnr_voluntary_switches : 1\n", "5 6 12\n"},
        {call, "a (7)\n--\nse.exec_start : 5.1\nnr_voluntary_switches : 1\n", "5 6 12\n"},
        {call, "a (7)\n--\nse.exec_start : 99999999999999999.000001\nnr_voluntary_switches : 1\n",
         "5 6 12\n"},
        {call, "a (7)\n--\nse.exec_start : 5.000001\n", "5 6 12\n"},
        /* Woken on another processor, on which it hasn't run yet. */
        {call, "a (7)\n--\nse.exec_start : 0.000000\nnr_voluntary_switches : 1\n", "5 6 12\n"},
        {call, "\nse.exec_start: (7, #threads: 1)\n--\nse.exec_start : 5.000001\nnr_voluntary_switches : 1\n",
         "5 6 12\n"},
        {"running\n", sched_text, "5 6 12\n"},
        {"-1 0x7ffe 0x7f38\n", sched_text, "5 6 12\n"},
        {"281 0x5 0x7ff\n", sched_text, "5 6 12\n"},
        {"281 5 5 5 5 5 5\n", sched_text, "5 6 12\n"},
        {"", sched_text, "5 6 12\n"},
        {NULL, sched_text, "5 6 12\n"},
    };

    (void)state;
    (void)snprintf(call, 4, "%d", SYS_epoll_pwait);
    call[3] = ' ';
    for (size_t i = 0; i < ELEMENTS_OF(wrong); i++)
        assert_int_equal(looked_at(&wrong[i]).waited.known, WAITED_UNKNOWN);
}

/* --- a real one --- */

static uint64_t late_us(const char *said, const char *call)
{
    char key[64];
    const char *at;
    uint64_t value = 0;

    (void)snprintf(key, sizeof key, "\"%s\":[0,", call); /* no EINTR; and not early: that has a sign */
    at = strstr(said, key);
    assert_non_null(at);
    at += strlen(key);
    assert_true(scan_u64(&at, at + strlen(at), &value));
    return value;
}

/* None is early, in any run. */
static bool are_in_time(struct target *target)
{
    char said[8192];
    ssize_t n = io_read_full(target->output, said, sizeof said - 1);
    uint64_t afresh;

    assert_true(n > 0);
    said[n] = '\0';
    assert_int_equal(waitpid(target->pid, NULL, 0), target->pid);
    target_close(target);
    afresh = late_us(said, "epoll_pwait2"); /* its time can't be shortened */
    assert_true(afresh > LENGTH_MS / 2 * 1000);
    assert_true(late_us(said, "poll") < afresh / 2);
    return late_us(said, "epoll_wait") < afresh / 2 && late_us(said, "epoll_pwait") < afresh / 2;
}

static void hold_once(const struct target *target)
{
    trace_release(target_hold(target), NULL);
}

static void snapshot_once(const struct target *target)
{
    struct trace *trace = must_take(target);

    trace_let_go(trace, NULL);
    trace_release(trace, NULL);
}

/* A single timeout left alone, where we didn't get a processor for a moment, makes that run's wait late: so
 * one run in time shows that they are shortened. */
static void check_in_time(void (*touch)(const struct target *target))
{
    enum { RUNS = 3 };
    bool in_time = false;

    for (int run = 0; run < RUNS && !in_time; run++) {
        struct target target = target_start("timeouts", "1000", "20");

        for (int i = 0; i < DUMPS; i++) {
            pause_ms(LENGTH_MS * 9 / 10 / DUMPS);
            touch(&target);
        }
        in_time = are_in_time(&target);
    }
    assert_true(in_time);
}

static void waits_end_in_time_under_holds(void **state)
{
    (void)state;
    check_in_time(hold_once);
}

static void waits_end_in_time_under_snapshots(void **state)
{
    (void)state;
    check_in_time(snapshot_once);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_who_waits_since_when),
        cmocka_unit_test(looks_no_further_where_it_does_not_matter),
        cmocka_unit_test(waits_end_in_time_under_holds),
        cmocka_unit_test(waits_end_in_time_under_snapshots),
        cmocka_unit_test(knows_nothing_rather_than_something_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
