/* Who samples is killed at random moments: the target must not notice, not even by a call that was
 * interrupted, as it never is stopped. The events are descriptors of the killed, and end with it. */
#include "support.h"

#include <sys/random.h>

enum { KILLS = 200, LONGEST_LIFE_US = 8000 };

static int pass_over(void *context, const struct perf_record *record)
{
    (void)context;
    (void)record;
    return 0;
}

static void sample_for_ever(const struct target *target)
{
    for (unsigned i = 0;; i++) {
        const struct perf_options options = {.frequency = 1000,
                                             .kernel = true,
                                             .stack_bytes = i % 4 < 2 ? 0 : 4096,
                                             .way = i % 2 ? PERF_BY_THREAD : PERF_BY_PROCESSOR};
        struct perf *perf = NULL;

        if (perf_open(&target->ref, &options, &perf, NULL) < 0)
            continue; /* the events of the one before, killed, may not all have gone */
        pause_ms(1);
        (void)!perf_read(perf, true, pass_over, NULL);
        perf_close(perf);
    }
}

static void kill_samplers(const struct target *target)
{
    for (int i = 0; i < KILLS; i++) {
        struct timespec life = {0};
        uint32_t random = 0;
        pid_t sampler = fork();

        assert_true(sampler >= 0);
        if (sampler == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            sample_for_ever(target);
        }
        assert_int_equal(getrandom(&random, sizeof random, 0), sizeof random);
        life.tv_nsec = random % LONGEST_LIFE_US * 1000;
        (void)nanosleep(&life, NULL); /* cut short is as good */
        assert_int_equal(kill(sampler, SIGKILL), 0);
        assert_int_equal(waitpid(sampler, NULL, 0), sampler);
    }
}

static void leaves_no_trace_when_killed(void **state)
{
    static const char *const zero[] = {"checksum_errors", "signals_out_of_order", "children_noticed"};
    static const char *const calls[] = {"\"epoll_wait\"", "\"poll\"",   "\"read\"",       "\"futex\"",
                                        "\"nanosleep\"",  "\"accept\"", "\"sigwaitinfo\""};
    struct target target = target_start("witness", NULL, NULL);
    char said[8192];

    (void)state;
    perf_close(must_open(&target, &(struct perf_options){.way = PERF_BY_THREAD})); /* or skip */
    kill_samplers(&target);
    target_report(&target, said, sizeof said);
    for (size_t i = 0; i < ELEMENTS_OF(zero); i++)
        if (target_number(said, zero[i]) != 0)
            fail_msg("%s: %s", zero[i], said);
    for (size_t i = 0; i < ELEMENTS_OF(calls); i++)
        if (target_number(said, calls[i]) != 0)
            fail_msg("%s: %s", calls[i], said);
    assert_true(target_number(said, "checksum_rounds") > 0);
    assert_true(target_number(said, "signals_sent") > 0);
    assert_int_equal(target_number(said, "signals_handled"), target_number(said, "signals_sent"));
    /* A timer whose signal is lost ticks no more. */
    assert_true(target_number(said, "timer_ticks") + target_number(said, "timer_overruns") + 100 >
                target_number(said, "elapsed_ms") / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(leaves_no_trace_when_killed)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
