/* A snapshot that does not come about at any of its steps, for want of time, or of processes, or since the
 * target is stopped then, or its clone killed: it runs on, and nothing is left of it. */
#include "spin.h"
#include "trace/inject.h"

#include <glob.h>
#include <sched.h>
#include <sys/resource.h>

enum { STEPS_MAX = 60, DEADLINE_MS = 30, PAGES_OF_SLOW = 64 * 1024 };

static unsigned steps_left;
static pid_t to_stop;

/* In the holder. */
static void be_late(void)
{
    if (steps_left > 0 && --steps_left == 0)
        pause_ms(DEADLINE_MS + 1);
}

static void stop_target(void)
{
    if (steps_left > 0 && --steps_left == 0)
        (void)kill(to_stop, SIGSTOP);
}

static void kill_target(void)
{
    if (steps_left > 0 && --steps_left == 0)
        (void)kill(to_stop, SIGKILL);
}

/* It is the only child. */
static void kill_clone(void)
{
    char pattern[64];
    glob_t found = {0};

    if (steps_left == 0 || --steps_left > 0)
        return;
    (void)snprintf(pattern, sizeof pattern, "/proc/%d/task/*/children", (int)to_stop);
    (void)glob(pattern, 0, NULL, &found); /* found says how many */
    for (size_t i = 0; i < found.gl_pathc; i++) {
        _cleanup_buffer_ struct buffer text = {.limit = 4096};
        const char *cursor;
        uint64_t child;

        if (io_read_file_at(AT_FDCWD, found.gl_pathv[i], &text) < 0)
            continue;
        cursor = buffer_string(&text);
        if (scan_u64(&cursor, cursor + text.size, &child) && child > 1)
            (void)kill((pid_t)child, SIGKILL);
    }
    globfree(&found);
}

/* Whose clone takes some milliseconds. */
static void spin_and_be_large(void)
{
    enum { PAGE = 4096 };
    size_t size = (size_t)PAGES_OF_SLOW * PAGE;
    char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (bytes == MAP_FAILED || (madvise(bytes, size, MADV_NOHUGEPAGE) < 0 && errno != EINVAL))
        _exit(1);
    for (size_t i = 0; i < size; i += PAGE)
        bytes[i] = 1;
    spin();
}

/* Of a target that may be stopped on the way. */
enum { IN_TIME_MS = 20000 }; /* on any machine: what is tested is not how long it takes */

static int take_quickly(const struct target *target, uint64_t deadline_ms)
{
    const struct trace_options patient = {.deadline_ms = 20000};
    struct snapshot_options options;
    struct trace *trace = NULL;
    int r = snapshot_suits(&target->ref, &options, NULL);

    if (r < 0)
        return r;
    assert_int_equal(trace_hold(&target->ref, &patient, &trace, NULL), 0);
    options.deadline_ms = deadline_ms;
    r = trace_snapshot(trace, &target->ref, &options, NULL);
    if (r == 0)
        trace_let_go(trace, NULL);
    trace_release(trace, NULL);
    return r;
}

static void check_runs_on(const struct target *target, unsigned step)
{
    check_let_go(target, 1);
    await_rounds(3);
    if (told->wrong != 0)
        fail_msg("step %u: %lu rounds wrong", step, told->wrong);
}

static void too_late_at_each_step(void **state)
{
    struct target target = {0};
    int r;

    (void)state;
    for (unsigned step = 1; step < STEPS_MAX; step++) {
        if (step % 2) { /* the vdso has room for what two leave */
            (void)forget_told(state);
            target = start_function(spin_and_be_large);
            await_first_round();
        }
        steps_left = step;
        injection_step = be_late;
        r = take_quickly(&target, DEADLINE_MS);
        injection_step = NULL;
        if (r != 0 && r != -ETIMEDOUT)
            fail_msg("step %u: %d", step, r);
        check_runs_on(&target, step);
        if (step % 2 == 0)
            target_stop(&target);
        if (steps_left > 0)
            break;
    }
}

/* What those leave that come too late is taken away again: the next has room. */
static void room_after_many_that_were_late(void **state)
{
    struct target target;
    unsigned late = 0;

    (void)forget_told(state);
    target = start_function(spin_and_be_large);
    await_first_round();
    for (int i = 0; i < 20; i++) {
        struct trace *trace;
        int r = take_quickly(&target, 1);

        if (r != 0 && r != -ETIMEDOUT && r != -EAGAIN)
            fail_msg("%d: %d", i, r);
        late += r == -ETIMEDOUT;
        check_runs_on(&target, 0);
        trace = must_take(&target);
        trace_let_go(trace, NULL);
        trace_release(trace, NULL);
    }
    assert_true(late > 5);
    target_stop(&target);
}

static void stopped_at_each_step(void **state)
{
    struct target target = {0};
    int r;

    (void)state;
    for (unsigned step = 1; step < STEPS_MAX; step++) {
        if (step % 2) {
            (void)forget_told(state);
            target = start_function(spin_and_be_large);
            await_first_round();
        }
        steps_left = step;
        to_stop = target.pid;
        injection_step = stop_target;
        r = take_quickly(&target, IN_TIME_MS);
        injection_step = NULL;
        if (r != 0 && r != -EAGAIN)
            fail_msg("step %u: %d", step, r);
        if (steps_left == 0)
            target_await_state(&target, 'T');
        assert_int_equal(kill(target.pid, SIGCONT), 0);
        check_runs_on(&target, step);
        if (step % 2 == 0)
            target_stop(&target);
        if (steps_left > 0)
            break;
    }
}

static void killed_at_each_step(void **state)
{
    steps_left = 0;
    for (unsigned step = 1; step < STEPS_MAX && steps_left == 0; step++) {
        struct target target;
        int r, status;

        (void)forget_told(state);
        target = start_function(spin_and_be_large);
        await_first_round();
        steps_left = step;
        to_stop = target.pid;
        injection_step = kill_target;
        r = take_quickly(&target, IN_TIME_MS);
        injection_step = NULL;
        if (r != 0 && r != -ESRCH && r != -EAGAIN)
            fail_msg("step %u: %d", step, r);
        if (steps_left > 0) {
            target_stop(&target);
            continue;
        }
        assert_int_equal(waitpid(target.pid, &status, 0), target.pid); /* nothing holds it back */
        assert_true(WIFSIGNALED(status));
        target_close(&target);
    }
}

/* Not taken for the end of the target. */
static void its_clone_is_killed_at_each_step(void **state)
{
    struct target target;
    unsigned refused = 0;

    (void)state;
    target = start_function(spin_and_be_large);
    await_first_round();
    steps_left = 0;
    for (unsigned step = 1; step < STEPS_MAX && steps_left == 0; step++) {
        int r;

        steps_left = step;
        to_stop = target.pid;
        injection_step = kill_clone;
        r = take_quickly(&target, IN_TIME_MS);
        injection_step = NULL;
        if (r != 0 && r != -EAGAIN)
            fail_msg("step %u: %d", step, r);
        refused += r == -EAGAIN;
        check_runs_on(&target, step);
    }
    assert_in_range(refused, 2, STEPS_MAX);
    target_stop(&target);
}

static void spin_with_room_for_one(void)
{
    const struct rlimit two = {2, 2};

    (void)setrlimit(RLIMIT_NPROC, &two);
    if (setresuid(64322, 64322, 64322) != 0)
        _exit(1);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    spin();
}

static void room_for_the_keeper_only(void **state)
{
    struct target target;
    cpu_set_t all, one;

    (void)state;
    if (geteuid() != 0)
        skip();
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    (void)sched_getaffinity(0, sizeof all, &all);
    (void)sched_setaffinity(0, sizeof one, &one); /* they get in each other's way */
    target = start_function(spin_with_room_for_one);
    await_first_round();
    for (unsigned i = 0; i < 30; i++) {
        assert_int_equal(take_quickly(&target, IN_TIME_MS), -EAGAIN);
        check_runs_on(&target, i);
    }
    target_stop(&target);
    (void)sched_setaffinity(0, sizeof all, &all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(room_for_the_keeper_only, forget_told),
        cmocka_unit_test_setup(too_late_at_each_step, forget_told),
        cmocka_unit_test_setup(room_after_many_that_were_late, forget_told),
        cmocka_unit_test_setup(killed_at_each_step, forget_told),
        cmocka_unit_test_setup(its_clone_is_killed_at_each_step, forget_told),
        cmocka_unit_test_setup(stopped_at_each_step, forget_told),
    };

    return cmocka_run_group_tests(tests, prepare_spin, NULL);
}
