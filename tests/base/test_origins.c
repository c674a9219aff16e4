#include "base/origins.h"

#include "base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void only_origins_are_taken(void **state)
{
    static const char *const good[] = {"", " , ", "https://portal.example.com",
                                       "http://localhost:3000,HTTPS://[::1]:8443 http://a_b"};
    static const char *const bad[] = {"*",
                                      "null",
                                      "portal.example.com",
                                      "https://",
                                      "https://portal.example.com/",
                                      "https://*.example.com",
                                      "https://user@host",
                                      "file:///x",
                                      "https://a\r\nX: y",
                                      "https://\xc3\xa4"};
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(good); i++)
        assert_true(origins_are_valid(good[i]));
    for (size_t i = 0; i < ELEMENTS_OF(bad); i++)
        assert_false(origins_are_valid(bad[i]));
}

static void there_is_a_bound(void **state)
{
    _cleanup_buffer_ struct buffer list = BUFFER_INIT(1024);
    (void)state;

    for (size_t i = 0; i < ORIGINS_MAX; i++)
        assert_int_equal(buffer_append_string(&list, "http://a "), 0);
    assert_true(origins_are_valid(list.data));
    assert_int_equal(buffer_append_string(&list, "http://b"), 0);
    assert_false(origins_are_valid(list.data));
}

static void one_is_itself_alone(void **state)
{
    static const char list[] = "https://portal.example.com, http://localhost:3000";
    static const char *const others[] = {"https://portal.example.co",
                                         "https://portal.example.com.evil",
                                         "http://portal.example.com",
                                         "https://portal.example.com:444",
                                         "http://localhost",
                                         "null",
                                         "",
                                         ",",
                                         "https://portal.example.com, http://localhost:3000"};
    (void)state;

    assert_true(origins_hold(list, "https://portal.example.com"));
    assert_true(origins_hold(list, "http://LOCALHOST:3000"));
    for (size_t i = 0; i < ELEMENTS_OF(others); i++)
        assert_false(origins_hold(list, others[i]));
    assert_false(origins_hold("", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_origins_are_taken),
        cmocka_unit_test(there_is_a_bound),
        cmocka_unit_test(one_is_itself_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
