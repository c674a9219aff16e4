/* What was used once is not taken again, however many come, until it would be good no longer. */
#include "service/seen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

static int add(struct seen *seen, uint64_t number, uint64_t connection, int64_t now, int64_t until)
{
    uint8_t hash[SEEN_HASH_SIZE] = {0};
    uint64_t mixed = number * 0x9e3779b97f4a7c15ull;

    memcpy(hash, &mixed, sizeof mixed);
    return seen_add(seen, hash, connection, now, until);
}

static void once(void **state)
{
    struct seen *seen = NULL;
    (void)state;

    assert_int_equal(seen_new(&seen), 0);
    assert_int_equal(add(seen, 1, 7, 100, 160), 0);
    assert_int_equal(add(seen, 1, 7, 100, 160), 0); /* the same request asks another question */
    assert_int_equal(add(seen, 1, 8, 100, 160), -EEXIST);
    assert_int_equal(add(seen, 1, 0, 160, 160), -EEXIST);
    assert_int_equal(add(seen, 2, 0, 100, 160), 0);
    assert_int_equal(add(seen, 2, 0, 100, 160), -EEXIST); /* by which connection is not known */
    assert_int_equal(add(seen, 1, 8, 161, 221), 0);       /* whoever checks it says that it is too old */
    seen_free(seen);
    seen_free(NULL);
}

static void full_is_full(void **state)
{
    struct seen *seen = NULL;
    (void)state;

    assert_int_equal(seen_new(&seen), 0);
    for (uint64_t i = 0; i < SEEN_MAX; i++)
        assert_int_equal(add(seen, i, 1, 100, 160 + (int64_t)(i % 30)), 0);
    assert_int_equal(add(seen, SEEN_MAX, 1, 130, 190), -ENOSPC);
    for (uint64_t i = 0; i < SEEN_MAX; i++) /* none was forgotten for it */
        assert_int_equal(add(seen, i, 2, 130, 190), -EEXIST);
    assert_int_equal(add(seen, SEEN_MAX, 1, 161, 221), 0); /* the first is over */
    assert_int_equal(add(seen, SEEN_MAX, 2, 161, 221), -EEXIST);
    assert_int_equal(add(seen, SEEN_MAX + 1, 1, 161, 221), -ENOSPC);
    for (uint64_t i = 1; i < SEEN_MAX; i++)
        assert_int_equal(add(seen, i, 2, 161, 221), -EEXIST);
    for (uint64_t i = 0; i < 3 * SEEN_MAX; i++) /* round and round */
        assert_int_equal(add(seen, 2 * SEEN_MAX + i, 1, 1000 + (int64_t)i, 1000 + (int64_t)i + 60), 0);
    seen_free(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once),
        cmocka_unit_test(full_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
