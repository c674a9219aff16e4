/* The holder is killed at random moments while it holds, reads and lets go: the target must not notice. The
 * only trace it may leave is an EINTR in a thread that had stopped and was not mended yet: microseconds a
 * hold. */
#include "target.h"

#include <sys/random.h>

enum { KILLS = 500, LONGEST_LIFE_US = 4000 };

static void hold_for_ever(const struct target *targets, size_t count)
{
    for (size_t i = 0;; i = (i + 1) % count) {
        struct trace *trace = NULL;
        struct registers registers;
        uint64_t word;

        if (trace_hold(&targets[i].ref, NULL, &trace, NULL) < 0)
            continue; /* a busy machine */
        for (size_t j = 0; j < trace_thread_count(trace); j++) {
            if (trace_registers(trace, j, &registers) == 0)
                (void)!memory_read_u64(trace_memory(trace), registers_stack_pointer(&registers), &word);
        }
        trace_release(trace, NULL);
    }
}

static void kill_holders(const struct target *targets, size_t count)
{
    for (int i = 0; i < KILLS; i++) {
        struct timespec life = {0};
        uint32_t random = 0;
        pid_t holder = fork();

        assert_true(holder >= 0);
        if (holder == 0)
            hold_for_ever(targets, count);
        assert_int_equal(getrandom(&random, sizeof random, 0), sizeof random);
        life.tv_nsec = random % LONGEST_LIFE_US * 1000;
        (void)nanosleep(&life, NULL); /* cut short is as good */
        assert_int_equal(kill(holder, SIGKILL), 0);
        assert_int_equal(waitpid(holder, NULL, 0), holder);
    }
}

static void test_killed_at_random_moments(void **state)
{
    struct target targets[] = {target_start("witness", NULL, NULL), target_start("calls", NULL, NULL)};
    char said[8192], *rest = NULL;
    uint64_t interrupted = 0;

    (void)state;
    kill_holders(targets, 2);
    target_await_freedom(&targets[0]);
    target_await_freedom(&targets[1]);

    target_report(&targets[0], said, sizeof said);
    assert_true(target_number(said, "checksum_rounds") > 0);
    assert_int_equal(target_number(said, "checksum_errors"), 0);
    assert_true(target_number(said, "signals_sent") > 0);
    assert_int_equal(target_number(said, "signals_handled"), target_number(said, "signals_sent"));
    assert_int_equal(target_number(said, "signals_out_of_order"), 0);
    assert_int_equal(target_number(said, "children_noticed"), 0);
    /* A timer whose signal is lost ticks no more. */
    assert_true(target_number(said, "timer_ticks") + target_number(said, "timer_overruns") + 100 >
                target_number(said, "elapsed_ms") / 2);

    target_report(&targets[1], said, sizeof said);
    for (char *line = strtok_r(said, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        uint64_t times;

        assert_null(strstr(line, " other "));
        assert_int_equal(parse_u64(strrchr(line, ' ') + 1, &times), 0);
        interrupted += times;
    }
    print_message("%u holders killed: %llu interrupted calls\n", (unsigned)KILLS,
                  (unsigned long long)interrupted);
#if defined(__x86_64__)
    assert_in_range(interrupted, 0, KILLS / 5);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_killed_at_random_moments)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
