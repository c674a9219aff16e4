/* What a target is like while it is held, and after. */
#include "target.h"

#include "trace/hold.h"

#include <sys/ptrace.h>

static void test_all_threads_registers_and_memory(void **state)
{
    struct target target = target_start("shapes", "threads", "1200");
    struct trace *trace = target_hold(&target);

    (void)state;
    assert_int_equal(trace_thread_count(trace), 1201);
    for (size_t i = 0; i < trace_thread_count(trace); i++) {
        struct registers registers;
        uint8_t code[2];
        uint64_t word;

        assert_int_equal(trace_registers(trace, i, &registers), 0);
        assert_int_equal(memory_read_u64(trace_memory(trace), registers_stack_pointer(&registers), &word), 0);
#if defined(__x86_64__)
        /* All sit in a system call, or were set to call again. */
        assert_int_equal(
            memory_read_exactly(trace_memory(trace), registers_program_counter(&registers) - 2, code, 2), 0);
        assert_memory_equal(code, "\x0f\x05", 2);
#else
        (void)code;
#endif
    }
    assert_int_equal(target_state(&target), 't');
    trace_release(trace, NULL);
    target_await_freedom(&target);
    target_stop(&target);
}

/* The tops of all stacks at once, and between them what is mapped nowhere, or in part. */
static void test_many_pieces_of_memory(void **state)
{
    enum { THREADS = 1200, PIECE = 64, BEHIND_NOTHING = 10, NOWHERE = 700 };
    struct target target = target_start("shapes", "threads", "1200");
    struct trace *trace = target_hold(&target);
    _cleanup_free_ struct memory_piece_read *pieces = calloc(THREADS + 1, sizeof pieces[0]);
    uint8_t(*bytes)[PIECE] = malloc((THREADS + 1) * sizeof *bytes), expected[PIECE];
    size_t total = (THREADS + 1) * PIECE;

    (void)state;
    assert_non_null(pieces);
    assert_non_null(bytes);
    memset(bytes, 0xaa, total);
    for (size_t i = 0; i <= THREADS; i++) {
        struct registers registers;

        assert_int_equal(trace_registers(trace, i, &registers), 0);
        pieces[i] = (struct memory_piece_read){registers_stack_pointer(&registers), bytes[i], PIECE};
        if (i % NOWHERE == BEHIND_NOTHING)
            pieces[i].address = 0x1000;
    }
    assert_int_equal(memory_read_many_padded(trace_memory(trace), pieces, THREADS + 1, 4096),
                     total - 2 * PIECE);
    for (size_t i = 0; i <= THREADS; i++) {
        (void)memory_read_padded(trace_memory(trace), pieces[i].address, expected, PIECE, 4096);
        assert_memory_equal(bytes[i], expected, PIECE);
    }
    trace_release(trace, NULL);
    free(bytes);
    target_stop(&target);
}

static void test_no_call_is_interrupted(void **state)
{
    struct target target = target_start("calls", NULL, NULL);
    char said[8192], *rest = NULL;
    size_t lines = 0;

    (void)state;
    for (int i = 0; i < 100; i++)
        trace_release(target_hold(&target), NULL);
    target_report(&target, said, sizeof said);
    for (char *line = strtok_r(said, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), lines++) {
#if defined(__x86_64__)
        if (strcmp(strrchr(line, ' '), " 0") != 0)
            fail_msg("%s", line);
#endif
    }
    assert_true(lines > 30);
}

static void check_witness(const char *said)
{
    assert_true(target_number(said, "checksum_rounds") > 0);
    assert_int_equal(target_number(said, "checksum_errors"), 0);
    assert_true(target_number(said, "signals_sent") > 0);
    assert_int_equal(target_number(said, "signals_handled"), target_number(said, "signals_sent"));
    assert_int_equal(target_number(said, "signals_out_of_order"), 0);
    assert_int_equal(target_number(said, "children_noticed"), 0);
    uint64_t ticks = target_number(said, "timer_ticks") + target_number(said, "timer_overruns");
    uint64_t expected = target_number(said, "elapsed_ms") / 2;
    /* A timer whose signal is lost ticks no more; the last ticks can be late on a busy machine. */
    assert_in_range(ticks, expected - 100, expected + 5);
}

/* Signals, timer, computation go on as if nothing were. */
static void test_nothing_is_lost(void **state)
{
    struct target target = target_start("witness", NULL, NULL);
    char said[4096];

    (void)state;
    for (int i = 0; i < 1000; i++)
        trace_release(target_hold(&target), NULL);
    target_report(&target, said, sizeof said);
    check_witness(said);
}

static void test_stopped_stays_stopped(void **state)
{
    struct target target = target_start("shapes", "threads", "5");
    struct trace *trace;

    (void)state;
    assert_int_equal(kill(target.pid, SIGSTOP), 0);
    target_await_state(&target, 'T');
    trace = target_hold(&target);
    assert_int_equal(trace_thread_count(trace), 6);
    trace_release(trace, NULL);
    target_await_state(&target, 'T');
    pause_ms(20);
    assert_int_equal(target_state(&target), 'T');
    assert_int_equal(kill(target.pid, SIGCONT), 0);
    target_await_freedom(&target);

    trace = target_hold(&target); /* stopped by another during the hold ... */
    assert_int_equal(kill(target.pid, SIGSTOP), 0);
    trace_release(trace, NULL);
    target_await_state(&target, 'T');
    trace = target_hold(&target); /* ... and continued */
    assert_int_equal(kill(target.pid, SIGCONT), 0);
    trace_release(trace, NULL);
    target_await_freedom(&target);
    target_stop(&target);
}

static void test_signals_during_the_hold(void **state)
{
    struct target target = target_start("witness", NULL, NULL),
                  other = target_start("shapes", "threads", "50");
    struct trace *trace = target_hold(&target);
    char said[4096];
    int status;

    (void)state;
    assert_int_equal(kill(target.pid, SIGTERM), 0);
    trace_release(trace, NULL);
    assert_true(io_read_full(target.output, said, sizeof said - 1) > 0);
    assert_int_equal(waitpid(target.pid, &status, 0), target.pid);
    assert_int_equal(status, 0);
    target_close(&target);

    trace = target_hold(&other);
    assert_int_equal(kill(other.pid, SIGKILL), 0);
    pause_ms(20);
    trace_release(trace, NULL);
    assert_int_equal(waitpid(other.pid, &status, 0), other.pid); /* the end is the parent's to see */
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    target_close(&other);
}

static void test_threads_born_and_ending(void **state)
{
    struct target target = target_start("shapes", "churn", NULL);

    (void)state;
    for (int i = 0; i < 300; i++) {
        _cleanup_id_list_ struct id_list ids = {0};
        struct trace *trace = target_hold(&target);

        assert_int_equal(id_list_read(target.ref.dir_fd, "task", &ids), 0);
        for (size_t j = 0; j < ids.count; j++) {
            bool held = false;

            for (size_t k = 0; k < trace_thread_count(trace) && !held; k++)
                held = trace_thread_id(trace, k) == ids.items[j];
            assert_true(held);
        }
        trace_release(trace, NULL);
    }
    target_await_freedom(&target);
    target_stop(&target);
}

static void test_leader_that_has_ended(void **state)
{
    struct target target = target_start("shapes", "zombie-leader", NULL);
    struct registers registers;
    struct trace *trace;
    uint64_t word;

    (void)state;
    target_await_state(&target, 'Z');
    trace = target_hold(&target);
    assert_int_equal(trace_thread_count(trace), 2);
    assert_int_equal(trace_registers(trace, 0, &registers), 0);
    assert_int_equal(memory_read_u64(trace_memory(trace), registers_stack_pointer(&registers), &word), 0);
    trace_release(trace, NULL);
    target_stop(&target);
}

/* With execve under way in a thread, threads vanish, one changes its id and the memory is another: the hold
 * comes about all the same, or not; it never hangs, and what it reads is the new program's. */
static void hold_through_execve(const char *program, const char *shape)
{
    struct target target = target_start(program, shape, NULL);
    size_t held = 0;

    for (int i = 0; i < 300; i++) {
        struct trace_options options = {.deadline_ms = 5000};
        struct registers registers;
        struct trace *trace = NULL;
        struct error error = {0};
        uint64_t word;
        int r = trace_hold(&target.ref, &options, &trace, &error);

        if (r < 0)
            fail_msg("%s", error.text);
        held++;
        assert_int_equal(trace_registers(trace, 0, &registers), 0);
        assert_int_equal(memory_read_u64(trace_memory(trace), registers_stack_pointer(&registers), &word), 0);
        trace_release(trace, NULL);
        pause_ms(i % 3);
    }
    assert_int_equal(held, 300);
    target_stop(&target);
}

static void test_execve(void **state)
{
    (void)state;
    hold_through_execve("shapes", "exec-forever");
    hold_through_execve("moments", "thread-exec");
}

static void end_vfork_child(const struct target *target)
{
    char path[64], said[8];
    _cleanup_buffer_ struct buffer children = BUFFER_INIT(4096);
    _cleanup_id_list_ struct id_list ids = {0};
    const char *cursor;
    uint64_t child;

    assert_int_equal(id_list_read(target->ref.dir_fd, "task", &ids), 0);
    for (size_t i = 0; i < ids.count; i++) {
        (void)snprintf(path, sizeof path, "task/%d/children", ids.items[i]);
        assert_int_equal(io_read_file_at(target->ref.dir_fd, path, &children), 0);
    }
    cursor = buffer_string(&children);
    assert_true(scan_u64(&cursor, cursor + children.size, &child));
    assert_int_equal(kill((pid_t)child, SIGKILL), 0);
    assert_int_equal(io_read_full(target->output, said, sizeof said), sizeof said);
    assert_memory_equal(said, "went on\n", sizeof said);
}

static void test_vfork_in_progress(void **state)
{
    struct target target = target_start("moments", "vfork", NULL);
    struct trace_options options = {.deadline_ms = 100};
    struct trace *trace = NULL;
    struct error error = {0};
    struct hold hold;

    (void)state;
    assert_int_equal(trace_hold(&target.ref, &options, &trace, &error), -ETIMEDOUT);
    assert_non_null(strstr(error.text, "vfork"));
    target_await_freedom(&target);

    /* Without the look beforehand: it came into that state right after. All are let go, that thread, too. */
    assert_int_equal(hold_begin(&hold, &target.ref, &options, false, clock_monotonic_ns() + 100 * 1000000ull),
                     -ETIMEDOUT);
    hold_end(&hold, NULL);
    target_await_freedom(&target);
    end_vfork_child(&target);
    target_await_freedom(&target);
    trace_release(target_hold(&target), NULL);
    target_stop(&target);
}

/* It goes by itself, and from then on nothing is read of it. */
static void test_a_limited_hold(void **state _unused_)
{
    const struct trace_options options = {.most_ms = 50};
    struct target target = target_start("shapes", "threads", "5");
    struct error error = {0};
    struct trace *trace = NULL;
    struct registers registers;
    uint64_t held_ns = 0;
    char byte;

    assert_int_equal(trace_hold(&target.ref, &options, &trace, &error), 0);
    assert_int_equal(trace_registers(trace, 0, &registers), 0);
    target_await_freedom(&target);
    assert_true(trace_ran_out(trace));
    assert_int_equal(memory_read(trace_memory(trace), registers_stack_pointer(&registers), &byte, 1), -ESRCH);
    trace_release(trace, &held_ns);
    assert_true(held_ns >= 50 * 1000000ull);
    target_stop(&target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_limited_hold),
        cmocka_unit_test(test_all_threads_registers_and_memory),
        cmocka_unit_test(test_many_pieces_of_memory),
        cmocka_unit_test(test_no_call_is_interrupted),
        cmocka_unit_test(test_nothing_is_lost),
        cmocka_unit_test(test_stopped_stays_stopped),
        cmocka_unit_test(test_signals_during_the_hold),
        cmocka_unit_test(test_threads_born_and_ending),
        cmocka_unit_test(test_leader_that_has_ended),
        cmocka_unit_test(test_execve),
        cmocka_unit_test(test_vfork_in_progress),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
