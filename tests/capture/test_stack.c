/* Which pieces of stacks go into a dump, and their copies. */
#include "capture/stack.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

static void set_stack_pointer(struct capture_thread *thread, uint64_t address)
{
#if defined(__x86_64__)
    thread->registers.general.rsp = address;
#else
    thread->registers.general.sp = address;
#endif
}

static void begin(struct capture *capture, const char *maps, size_t threads)
{
    *capture = (struct capture){.page_size = 4096, .thread_count = threads};
    capture->threads = calloc(threads, sizeof capture->threads[0]);
    assert_non_null(capture->threads);
    assert_int_equal(maps_parse(maps, strlen(maps), &capture->maps), 0);
}

static void from_the_red_zone_to_the_end_of_the_mapping(void **state)
{
    static const struct {
        uint64_t pointer, start, size;
    } cases[] = {
        {0x15800, 0x15000, 0xb000},
        {0x15010, 0x14000, 0xc000},     /* the red zone is on the page below */
        {0x10010, 0x10000, 0x10000},    /* nothing below the mapping */
        {0xf800, 0x10000, 0x10000},     /* overflow: the guard below the stack */
        {0x300000, 0x2ff000, 0x100000}, /* at most 1 MiB */
        {0x1000, 0, 0},
        {0, 0, 0},          /* nowhere */
        {0x30000800, 0, 0}, /* a guard with nothing behind it */
    };
    _cleanup_capture_ struct capture capture;

    (void)state;
    begin(&capture,
          "f000-10000 ---p 00000000 00:00 0 \n"
          "10000-20000 rw-p 00000000 00:00 0 \n"
          "200000-40000000 rw-p 00000000 00:00 0 \n"
          "50000000-50001000 ---p 00000000 00:00 0 \n",
          ELEMENTS_OF(cases));
    for (size_t i = 0; i < ELEMENTS_OF(cases); i++)
        set_stack_pointer(&capture.threads[i], i + 1 < ELEMENTS_OF(cases) ? cases[i].pointer : 0x50000800);
    assert_int_equal(stacks_choose(&capture), 2);
    for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
        assert_int_equal(capture.threads[i].stack_start, cases[i].start);
        assert_int_equal(capture.threads[i].stack_size, cases[i].size);
    }
}

static void many_threads_share_the_budget(void **state)
{
    static const size_t counts[] = {8, 9, 100, 5000};
    const uint64_t small = 8192;

    (void)state;
    for (size_t c = 0; c < ELEMENTS_OF(counts); c++) {
        _cleanup_capture_ struct capture capture;
        uint64_t total = 0, largest = 0;

        begin(&capture,
              "100000000-900000000 rw-p 00000000 00:00 0 \nf00000000-f00002000 rw-p 00000000 00:00 0 \n",
              counts[c]);
        /* every other thread has a small stack */
        for (size_t i = 0; i < counts[c]; i++)
            set_stack_pointer(&capture.threads[i], i % 2 ? 0xf00000000 : 0x100000100 + i * 0x100000);
        assert_int_equal(stacks_choose(&capture), 0);
        for (size_t i = 0; i < counts[c]; i++) {
            uint64_t size = capture.threads[i].stack_size;

            assert_true(size >= LIMIT_STACK_MIN && size <= LIMIT_STACK_MAX && size % 4096 == 0);
            if (i % 2 && counts[c] <= 100)
                assert_int_equal(size, small);
            total += size;
            largest = size > largest ? size : largest;
        }
        assert_true(total <= (counts[c] == 5000 ? counts[c] * LIMIT_STACK_MIN : LIMIT_STACK_BUDGET));
        if (counts[c] == 100) /* what the small ones leave goes to the others */
            assert_true(largest > LIMIT_STACK_BUDGET / counts[c] * 3 / 2);
    }
}

static void what_overlaps_is_copied_once(void **state)
{
    _cleanup_capture_ struct capture capture;
    _cleanup_memory_ struct memory *memory = NULL;
    static uint8_t bytes[0x8000];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    begin(&capture, "10000-18000 rw-p 00000000 00:00 0 \n20000-22000 rw-p 00000000 00:00 0 \n", 4);
    capture.stacks.limit = 1 << 20;
    set_stack_pointer(&capture.threads[0], 0x14080);
    set_stack_pointer(&capture.threads[1], 0x11080);
    set_stack_pointer(&capture.threads[2], 0x20100); /* can't be read */
    set_stack_pointer(&capture.threads[3], 0x16080);
    assert_int_equal(memory_bytes_new(0x10000, bytes, sizeof bytes, &memory), 0);
    assert_int_equal(stacks_choose(&capture), 0);
    assert_int_equal(stacks_copy(&capture, memory), 0);
    assert_int_equal(capture.stacks.size, 0x7000 + 0x2000);
    for (size_t i = 0; i < 4; i++) {
        const struct capture_thread *thread = &capture.threads[i];

        assert_non_null(thread->stack);
        for (uint64_t at = 0; at < thread->stack_size; at++)
            assert_int_equal(thread->stack[at], i == 2 ? 0 : bytes[thread->stack_start - 0x10000 + at]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_the_red_zone_to_the_end_of_the_mapping),
        cmocka_unit_test(many_threads_share_the_budget),
        cmocka_unit_test(what_overlaps_is_copied_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
