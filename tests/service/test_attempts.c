#include "service/attempts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct attempts attempts;

static void guess(const char *place)
{
    for (int i = 0; i < ATTEMPTS_AT_ONCE; i++) {
        assert_true(attempts_may_try(&attempts, "ola", place, 1000));
        attempts_count(&attempts, "ola", place, 1000);
    }
    assert_false(attempts_may_try(&attempts, "ola", place, 1000));
}

static void a_place_is_an_address(void **state)
{
    (void)state;

    guess("10.0.0.1");
    assert_true(attempts_may_try(&attempts, "ola", "10.0.0.2", 1000));
    assert_true(attempts_may_try(&attempts, "otto", "10.0.0.1", 1000));
    guess("unix:1000");
    assert_true(attempts_may_try(&attempts, "ola", "unix:1001", 1000));
    assert_true(attempts_may_try(&attempts, "ola", "10.0.0.1", 1000 + ATTEMPTS_PAUSE_MS));
    attempts_forget(&attempts, "ola", "10.0.0.1");
    guess("10.0.0.1");
}

/* Who has one address there has 2^64 of them. */
static void a_place_in_ipv6_is_a_network(void **state)
{
    (void)state;

    guess("2001:db8:0:1::5");
    assert_false(attempts_may_try(&attempts, "ola", "2001:db8:0:1:ffff:ffff:ffff:ffff", 1000));
    assert_true(attempts_may_try(&attempts, "ola", "2001:db8:0:2::5", 1000));
    guess("::ffff:10.1.0.1");
    assert_true(attempts_may_try(&attempts, "ola", "::ffff:10.1.0.2", 1000));
    attempts_forget(&attempts, "ola", "2001:db8:0:1::7");
    assert_true(attempts_may_try(&attempts, "ola", "2001:db8:0:1::5", 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_an_address),
        cmocka_unit_test(a_place_in_ipv6_is_a_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
