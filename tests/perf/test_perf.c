/* Programs that are known while they are sampled, in both ways. */
#include "support.h"

#include <sys/syscall.h>

static const struct perf_options by_processor = {.frequency = 1000, .way = PERF_BY_PROCESSOR},
                                 by_thread = {.frequency = 1000, .way = PERF_BY_THREAD};

/* 6,000 samples: three points are five times their standard deviation. */
static void check_split(const struct perf_options *options)
{
    struct spins spins = spins_start("2");
    _cleanup_perf_ struct perf *perf = must_open(&spins.target, options);
    struct seen seen = {.spins = &spins};
    unsigned long sum;

    assert_int_equal(perf_facts(perf)->way, options->way);
    read_samples(perf, &seen, 6000);
    sum = seen.seventy + seen.thirty;
    print_message("%lu samples, %lu lost: %lu and %lu, %lu elsewhere\n", seen.kinds[PERF_KIND_SAMPLE],
                  (unsigned long)perf_lost(perf), seen.seventy, seen.thirty, seen.elsewhere);
    assert_true(sum > 5900);
    assert_true(seen.seventy * 100 > sum * 67 && seen.seventy * 100 < sum * 73);
    assert_true(seen.called_by_spin * 100 > sum * 99); /* not in the first instructions of a function */
    assert_int_equal(seen.disorder, 0);
    target_stop(&spins.target);
}

static void splits_by_processor(void **state)
{
    (void)state;
    check_split(&by_processor);
}

static void splits_by_thread(void **state)
{
    (void)state;
    check_split(&by_thread);
}

struct stacks_seen {
    const struct spins *spins;
    unsigned long samples, with_stack, called_by_spin;
};

/* asm/perf_regs.h: 6 is rbp, 7 rsp, 8 rip; on aarch64 29 is the frame pointer, 31 and 32 are the others. */
#if defined(__x86_64__)
enum { FRAME = 6, STACK = 7, COUNTER = 8 };
#else
enum { FRAME = 29, STACK = 31, COUNTER = 32 };
#endif

static int see_stack(void *context, const struct perf_record *record)
{
    struct stacks_seen *seen = context;
    const struct perf_sample *sample = &record->sample;
    uint64_t at, address;

    if (record->kind != PERF_KIND_SAMPLE || !sample->registers)
        return 0;
    seen->samples++;
    assert_int_equal(sample->user_count, 0);
    assert_false(sample->is_32_bit);
    if (!in(&seen->spins->seventy, sample->registers[COUNTER]) || !sample->stack)
        return 0;
    seen->with_stack++;
    at = sample->registers[FRAME] - sample->registers[STACK] + 8; /* where the return address is */
    if (at + 8 > sample->stack_size)
        return 0;
    memcpy(&address, sample->stack + at, sizeof address);
    seen->called_by_spin += in(&seen->spins->spin, address);
    return 0;
}

static void check_stacks(enum perf_way way)
{
    const struct perf_options options = {.frequency = 1000, .stack_bytes = 1021, .way = way};
    struct spins spins = spins_start("1");
    _cleanup_perf_ struct perf *perf = must_open(&spins.target, &options);
    struct stacks_seen seen = {.spins = &spins};
    struct pollfd waited = {.fd = perf_fd_to_poll(perf), .events = POLLIN};

    while (seen.samples < 500) {
        assert_int_equal(poll(&waited, 1, PATIENCE_MS), 1);
        assert_int_equal(perf_read(perf, false, see_stack, &seen), 0);
    }
    assert_true(seen.with_stack > 250);
    assert_true(seen.called_by_spin * 100 > seen.with_stack * 98);
    target_stop(&spins.target);
}

static void takes_registers_and_stacks(void **state)
{
    (void)state;
    check_stacks(PERF_BY_PROCESSOR);
    check_stacks(PERF_BY_THREAD);
}

static void check_threads(const struct perf_options *options)
{
    struct spins spins = spins_start("1");
    _cleanup_perf_ struct perf *perf = must_open(&spins.target, options);
    struct seen seen = {.spins = &spins};

    assert_int_equal(kill(spins.target.pid, SIGUSR1), 0);
    read_until(perf, &seen, &seen.kinds[PERF_KIND_BEGIN], 1);
    assert_true(seen.begun > 0 && seen.begun != spins.target.pid);
    read_until(perf, &seen, &seen.kinds[PERF_KIND_NAME], 1);
    assert_int_equal(seen.named, seen.begun);
    assert_string_equal(seen.name, "late");
    assert_false(seen.by_exec);
    seen.tid = seen.begun;
    read_until(perf, &seen, &seen.of_thread, 50);
    assert_int_equal(kill(spins.target.pid, SIGUSR2), 0);
    read_until(perf, &seen, &seen.kinds[PERF_KIND_END], 1);
    assert_int_equal(seen.ended, seen.begun);
    assert_int_equal(seen.disorder, 0);
    target_stop(&spins.target);
}

static void sees_threads_come_and_go(void **state)
{
    (void)state;
    check_threads(&by_processor);
    check_threads(&by_thread);
}

static void check_mappings(const struct perf_options *options)
{
    struct spins spins = spins_start("1");
    _cleanup_perf_ struct perf *perf = must_open(&spins.target, options);
    struct seen seen = {0};

    assert_int_equal(kill(spins.target.pid, SIGHUP), 0);
    read_until(perf, &seen, &seen.kinds[PERF_KIND_MAPPING], 1);
    assert_string_equal(seen.path + strlen(seen.path) - strlen("/spins"), "/spins");
    if (perf_facts(perf)->build_ids)
        assert_int_equal(seen.build_id_size, 20);

    assert_int_equal(kill(spins.target.pid, SIGALRM), 0); /* becomes another program, of the same pid */
    read_until(perf, &seen, &seen.kinds[PERF_KIND_MAPPING], 3);
    assert_true(seen.by_exec);
    spins = spins_adopt(spins.target);
    seen.spins = &spins;
    read_until(perf, &seen, &seen.seventy, 50); /* and is sampled as that */
    target_stop(&spins.target);
}

static void sees_mappings_and_exec(void **state)
{
    (void)state;
    check_mappings(&by_processor);
    check_mappings(&by_thread);
}

static void check_end(const struct perf_options *options)
{
    struct spins spins = spins_start("3");
    _cleanup_perf_ struct perf *perf = must_open(&spins.target, options);
    struct seen seen = {.spins = &spins};
    unsigned long samples;

    read_samples(perf, &seen, 100);
    assert_int_equal(kill(spins.target.pid, SIGKILL), 0);
    read_until(perf, &seen, &seen.kinds[PERF_KIND_END], 4);
    assert_int_equal(waitpid(spins.target.pid, NULL, 0), spins.target.pid);
    assert_int_equal(perf_read(perf, true, see, &seen), 0);
    samples = seen.kinds[PERF_KIND_SAMPLE];
    for (int i = 0; i < 3; i++)
        read_once(perf, &seen);
    perf_stop(perf);
    assert_int_equal(perf_read(perf, true, see, &seen), 0);
    assert_int_equal(seen.kinds[PERF_KIND_SAMPLE], samples);
    target_close(&spins.target);
}

static void goes_on_when_the_process_ends(void **state)
{
    (void)state;
    check_end(&by_processor);
    check_end(&by_thread);
}

/* Both see theirs only; an idle process has none. */
static void has_sessions_side_by_side(void **state)
{
    struct spins first = spins_start("1"), second = spins_start("1"), idle = spins_start("0");
    _cleanup_perf_ struct perf *one = must_open(&first.target, &by_processor);
    _cleanup_perf_ struct perf *two = must_open(&second.target, &by_thread);
    _cleanup_perf_ struct perf *again = must_open(&first.target, &by_thread);
    _cleanup_perf_ struct perf *none = must_open(&idle.target, &by_processor);
    struct seen by_one = {.spins = &first}, by_two = {.spins = &second}, by_again = {.spins = &first},
                by_none = {0};

    (void)state;
    read_samples(one, &by_one, 500);
    read_samples(two, &by_two, 500);
    read_samples(again, &by_again, 500);
    assert_int_equal(perf_read(none, true, see, &by_none), 0);
    assert_int_equal(by_none.kinds[PERF_KIND_SAMPLE], 0);
    assert_true(by_one.elsewhere < 50 && by_two.elsewhere < 50 && by_again.elsewhere < 50);
    target_stop(&first.target);
    target_stop(&second.target);
    target_stop(&idle.target);
}

/* A processor is sampled between the reaping of a thread and its last step, too: whose it was is not said
 * then.
 */
static void leaves_out_the_last_steps_of_strangers(void **state)
{
    struct spins idle = spins_start("0");
    _cleanup_perf_ struct perf *perf = must_open(&idle.target, &by_processor);
    struct seen seen = {0};

    (void)state;
    for (int i = 0; i < 3000; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        if (i % 100 == 0)
            assert_int_equal(perf_read(perf, false, see, &seen), 0);
    }
    assert_int_equal(perf_read(perf, true, see, &seen), 0);
    assert_int_equal(seen.kinds[PERF_KIND_SAMPLE], 0);
    target_stop(&idle.target);
}

static struct target start_calling(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            (void)syscall(SYS_getppid);
    }
    return target_adopt(pid, -1);
}

/* Time in the kernel counts either way; its addresses come only when they are asked for. */
static void sees_into_the_kernel(void **state)
{
    struct perf_options options = by_processor;
    struct target target = start_calling();

    (void)state;
    for (int kernel = 0; kernel < 2; kernel++) {
        _cleanup_perf_ struct perf *perf = NULL;
        struct seen seen = {0};

        options.kernel = kernel;
        perf = must_open(&target, &options);
        assert_true(perf_facts(perf)->kernel_time);
        assert_int_equal(perf_facts(perf)->kernel_addresses, kernel);
        if (kernel)
            read_until(perf, &seen, &seen.with_kernel, 50);
        else
            read_samples(perf, &seen, 500);
        assert_true(seen.with_user > 0);
        assert_int_equal(seen.with_kernel > 0, kernel);
    }
    target_stop(&target);
}

/* What this machine may not have is given up, and said. */
static void falls_back_from_cycles(void **state)
{
    struct perf_options options = by_thread;
    struct spins spins = spins_start("1");
    _cleanup_perf_ struct perf *perf = NULL;
    struct seen seen = {.spins = &spins};

    (void)state;
    options.cycles = true;
    perf = must_open(&spins.target, &options);
    print_message("%s\n", perf_facts(perf)->cycles ? "by cycles" : "no counter of cycles here: by the clock");
    read_samples(perf, &seen, 100);
    target_stop(&spins.target);
}

static int refuse(void *context, const struct perf_record *record)
{
    (void)record;
    ++*(int *)context;
    return -ENOSPC;
}

static void stops_where_the_taker_says(void **state)
{
    struct spins spins = spins_start("1");
    _cleanup_perf_ struct perf *perf = must_open(&spins.target, &by_thread);
    struct seen seen = {0};
    int calls = 0, r = 0;

    (void)state;
    for (int i = 0; i < PATIENCE_MS && r == 0; i++) {
        pause_ms(1);
        r = perf_read(perf, false, refuse, &calls);
    }
    assert_int_equal(r, -ENOSPC);
    assert_int_equal(calls, 1);
    read_samples(perf, &seen, 10); /* and goes on after that */
    target_stop(&spins.target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_by_processor),
        cmocka_unit_test(splits_by_thread),
        cmocka_unit_test(takes_registers_and_stacks),
        cmocka_unit_test(sees_threads_come_and_go),
        cmocka_unit_test(sees_mappings_and_exec),
        cmocka_unit_test(goes_on_when_the_process_ends),
        cmocka_unit_test(has_sessions_side_by_side),
        cmocka_unit_test(sees_into_the_kernel),
        cmocka_unit_test(falls_back_from_cycles),
        cmocka_unit_test(stops_where_the_taker_says),
        cmocka_unit_test(leaves_out_the_last_steps_of_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
