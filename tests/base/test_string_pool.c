#include "base/string_pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static void keeps_each_string_once(void **state)
{
    struct string_pool *pool = string_pool_new(1024 * 1024);
    const char *kept[3000];
    char text[32];
    (void)state;

    assert_non_null(pool);
    for (size_t i = 0; i < ELEMENTS_OF(kept); i++) {
        (void)snprintf(text, sizeof text, "name %zu", i);
        kept[i] = string_pool_add(pool, text);
        assert_non_null(kept[i]);
    }
    for (size_t i = 0; i < ELEMENTS_OF(kept); i++) {
        (void)snprintf(text, sizeof text, "name %zu", i);
        assert_string_equal(kept[i], text);
        assert_ptr_equal(string_pool_add(pool, text), kept[i]);
    }
    assert_string_equal(string_pool_add(pool, ""), "");
    string_pool_free(pool);
}

static void is_bounded(void **state)
{
    struct string_pool *pool = string_pool_new(40000);
    static char text[30001];
    (void)state;

    assert_non_null(pool);
    memset(text, 'x', sizeof text - 1);
    assert_non_null(string_pool_add(pool, text)); /* larger than a block */
    text[0] = 'y';
    assert_null(string_pool_add(pool, text));
    assert_non_null(string_pool_add(pool, "short"));
    text[0] = 'x';
    assert_non_null(string_pool_add(pool, text)); /* it is there */
    string_pool_free(pool);
    string_pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_each_string_once),
        cmocka_unit_test(is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
