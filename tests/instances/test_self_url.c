#include "instances/self_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

static void others_reach_us_where_they_can(void **state)
{
    struct listeners listeners = {.count = 2};
    struct listener *first = &listeners.items[0], *second = &listeners.items[1];
    char url[URL_SIZE] = "";
    (void)state;

    *first = (struct listener){.is_unix = true, .url = "unix:/x"};
    *second = (struct listener){.loopback = true, .url = "http://127.0.0.1:7420"};
    assert_int_equal(self_url_find(&listeners, "10.0.0.5", "", url), -ENOENT);
    assert_int_equal(self_url_find(&listeners, "127.0.0.1", "/diag", url), 0);
    assert_string_equal(url, "http://127.0.0.1:7420/diag");

    *first = (struct listener){.url = "https://0.0.0.0:7421"};
    assert_int_equal(self_url_find(&listeners, "10.0.0.5", "", url), 0);
    assert_string_equal(url, "https://10.0.0.5:7421");
    assert_int_equal(self_url_find(&listeners, "fd00::5", "/x", url), 0);
    assert_string_equal(url, "https://[fd00::5]:7421/x");

    *second = (struct listener){.url = "http://192.168.1.1:7422"};
    assert_int_equal(self_url_find(&listeners, "10.0.0.5", "", url), 0);
    assert_string_equal(url, "http://192.168.1.1:7422");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(others_reach_us_where_they_can)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
