/* We die in the middle of a snapshot, at each of its steps and at random moments: the target runs on right,
 * and neither keeper nor clone is left. SNAPSHOT_KILLS=500 for more random deaths than a quick run has. */
#include "spin.h"
#include "trace/inject.h"

/* The vdso has room for what some deaths leave: then another target is taken. */
enum { DEATHS_OF_A_TARGET = 2, NO_ROOM = 2, TRY_AGAIN = 3 };

static unsigned steps_left;

static void die_at_step(void)
{
    if (--steps_left == 0)
        (void)kill(getpid(), SIGKILL);
}

/* Takes a snapshot, lets the target go, reads, and ends; and dies at that step (0: when it is killed). */
static pid_t start_worker(const struct target *target, unsigned step, bool for_ever)
{
    pid_t pid = fork();

    if (pid != 0) {
        assert_true(pid > 0);
        return pid;
    }
    steps_left = step;
    injection_step = step ? die_at_step : NULL;
    do {
        struct trace *trace = NULL;
        uint64_t word;
        int r = take(target, &trace, NULL);

        if (r < 0)
            _exit(r == -EOPNOTSUPP ? NO_ROOM : r == -EAGAIN || r == -ETIMEDOUT ? TRY_AGAIN : 1);
        trace_let_go(trace, NULL);
        (void)!memory_read_u64(trace_memory(trace), (uint64_t)first, &word); /* a read like others */
        trace_release(trace, NULL);
    } while (for_ever);
    _exit(0);
}

static int end_of(pid_t worker)
{
    int status;

    assert_int_equal(waitpid(worker, &status, 0), worker);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void at_each_step_of_a_witness(void **state)
{
    unsigned step = 1;
    uint64_t interrupted = 0;
    int end = -SIGKILL;

    (void)state;
    while (end != 0) {
        struct target witness = target_start("witness", NULL, NULL);
        size_t threads, children;

        count_threads_and_children(&witness, &threads, &children);
        for (int deaths = 0; deaths < DEATHS_OF_A_TARGET && end != 0; deaths++, step++) {
            end = end_of(start_worker(&witness, step, false));
            if (end != 0 && end != -SIGKILL)
                fail_msg("step %u: the worker said %d", step, end);
            check_let_go(&witness, threads);
        }
        interrupted += check_witness(&witness);
    }
    print_message("%u steps, %u interrupted calls\n", step - 2, (unsigned)interrupted);
    assert_int_equal(interrupted, 0); /* each death was after all threads had been stopped and mended */
    assert_true(step > 20);
}

static void at_each_step_of_a_running_thread(void **state)
{
    unsigned step = 1;
    int end = -SIGKILL;

    (void)state;
    while (end != 0) {
        struct target target = start_function(spin);

        await_rounds(1);
        for (int deaths = 0; deaths < DEATHS_OF_A_TARGET && end != 0; deaths++, step++) {
            end = end_of(start_worker(&target, step, false));
            if (end != 0 && end != -SIGKILL)
                fail_msg("step %u: the worker said %d", step, end);
            check_let_go(&target, 1);
            await_rounds(3);
            if (told->wrong != 0)
                fail_msg("step %u: %lu rounds wrong", step, told->wrong);
        }
        target_stop(&target);
    }
}

static void at_random(void **state)
{
    uint64_t kills = 60, done = 0, targets = 0, interrupted = 0;
    unsigned seed = (unsigned)getpid();
    const char *wanted = getenv("SNAPSHOT_KILLS");

    (void)state;
    if (wanted)
        assert_int_equal(parse_u64(wanted, &kills), 0);
    while (done < kills) {
        struct target witness = target_start("witness", NULL, NULL);
        size_t threads, children;
        bool room = true;

        count_threads_and_children(&witness, &threads, &children);
        for (; room && done < kills; done++) {
            pid_t worker = start_worker(&witness, 0, true);
            const struct timespec pause = {.tv_nsec = 500000 + rand_r(&seed) % 8000000};
            int end;

            (void)nanosleep(&pause, NULL);
            (void)kill(worker, SIGKILL); /* a zombie if it ended by itself */
            end = end_of(worker);
            if (end != -SIGKILL && end != NO_ROOM && end != TRY_AGAIN)
                fail_msg("after %lu kills the worker said %d", (unsigned long)done, end);
            room = end != NO_ROOM;
            check_let_go(&witness, threads);
        }
        interrupted += check_witness(&witness);
        targets++;
    }
    print_message("%lu kills, %lu targets, %lu interrupted calls\n", (unsigned long)done,
                  (unsigned long)targets, (unsigned long)interrupted);
    /* those that were in the middle of a stop: test_killed_holder.c */
    assert_in_range(interrupted, 0, kills / 5 + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(at_each_step_of_a_running_thread, forget_told),
        cmocka_unit_test_setup(at_each_step_of_a_witness, forget_told),
        cmocka_unit_test_setup(at_random, forget_told),
    };

    return cmocka_run_group_tests(tests, prepare_spin, NULL);
}
