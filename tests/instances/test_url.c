#include "instances/url.h"

#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static bool is_valid(const char *text)
{
    return url_is_valid(text, strlen(text));
}

static void addresses_of_instances(void **state)
{
    static const char *const good[] = {"http://10.0.0.1:7420",   "https://web-1.example.com",
                                       "http://[fd00::1]:7420",  "http://localhost/diag",
                                       "HTTPS://a_b.c:65535/x/", "http://1.2.3.4/"};
    static const char *const bad[] = {"",
                                      "http://",
                                      "ftp://a",
                                      "http:///x",
                                      "http://a:0",
                                      "http://a:65536",
                                      "http://a:",
                                      "http://a@b",
                                      "http://a?x",
                                      "http://a#x",
                                      "http://a/../b",
                                      "http://a/.x",
                                      "//a",
                                      "http://a b",
                                      "http://[::1",
                                      "http://[zz]:1",
                                      "http://a/%2e%2e/",
                                      "file:///etc/passwd",
                                      "http://a\n",
                                      "http://a:1x",
                                      "http://\xc3\xa4"};
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(good); i++)
        assert_true(is_valid(good[i]));
    for (size_t i = 0; i < ELEMENTS_OF(bad); i++)
        assert_false(is_valid(bad[i]));
}

static void what_stays_on_this_machine(void **state)
{
    (void)state;
    assert_true(url_is_loopback("http://127.0.0.1:7420"));
    assert_true(url_is_loopback("https://localhost"));
    assert_true(url_is_loopback("http://[::1]:1/x"));
    assert_true(url_is_loopback("http://127.9.9.9"));
    assert_false(url_is_loopback("http://127.0.0.1.example.com"));
    assert_false(url_is_loopback("http://localhost.example.com"));
    assert_false(url_is_loopback("http://10.0.0.1"));
    assert_false(url_is_loopback("http://[fd00::1]"));
    assert_false(url_is_loopback("http://0x7f.1")); /* what a resolver makes of it is its own affair */
}

static void parts_of_them(void **state)
{
    char port[6];
    (void)state;

    assert_string_equal(url_path("http://a:1/x/y"), "/x/y");
    assert_string_equal(url_path("http://a"), "");
    url_port("https://a/x", port);
    assert_string_equal(port, "443");
    url_port("http://a", port);
    assert_string_equal(port, "80");
    url_port("http://[::1]:7420/x", port);
    assert_string_equal(port, "7420");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_instances),
        cmocka_unit_test(what_stays_on_this_machine),
        cmocka_unit_test(parts_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
