/* Stretches of addresses against the same in a table of all addresses. */
#include "profile/stale.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

enum { SPACE = 4096, ROUNDS = 300 };

static void test_finds_what_was_added(void **state)
{
    unsigned seed = 4711;
    (void)state;

    for (int round = 0; round < 50; round++) {
        struct stale stale = {0};
        bool expected[SPACE + 1] = {0};

        for (int i = 0; i < ROUNDS; i++) {
            uint64_t start = (uint64_t)rand_r(&seed) % SPACE, size = (uint64_t)rand_r(&seed) % 9;

            stale_add(&stale, start, start + size);
            for (uint64_t at = start; at < start + size && at <= SPACE; at++)
                expected[at] = true;
        }
        for (uint64_t at = 0; at <= SPACE; at++)
            assert_int_equal(stale_has(&stale, at), expected[at]);
        for (size_t i = 0; i < stale.count; i++) {
            assert_true(stale.items[i].start < stale.items[i].end);
            assert_true(i == 0 || stale.items[i - 1].end <= stale.items[i].start);
        }
    }
}

static void test_joins_the_nearest(void **state)
{
    struct stale stale = {0};
    (void)state;

    for (uint64_t i = 0; i < 10 * STALE_MAX; i++) {
        stale_add(&stale, i * 100, i * 100 + 50);
        assert_true(stale.count <= STALE_MAX);
    }
    for (uint64_t i = 0; i < 10 * STALE_MAX; i++)
        assert_true(stale_has(&stale, i * 100 + 49));
    stale_add(&stale, 1ull << 40, (1ull << 40) + 1);
    assert_true(stale_has(&stale, 1ull << 40));
    assert_false(stale_has(&stale, 1ull << 39));
}

static void test_all(void **state)
{
    struct stale stale = {0};
    (void)state;

    assert_false(stale_has(&stale, 0));
    stale_add(&stale, 10, 10);
    assert_false(stale_has(&stale, 10));
    stale_add(&stale, 100, 200);
    stale_add(&stale, 0, UINT64_MAX);
    assert_int_equal(stale.count, 1);
    assert_true(stale_has(&stale, 0));
    assert_true(stale_has(&stale, UINT64_MAX - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_what_was_added),
        cmocka_unit_test(test_joins_the_nearest),
        cmocka_unit_test(test_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
