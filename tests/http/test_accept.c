#include "http/accept.h"

#include "base/cleanup.h"

#include <setjmp.h> /* cmocka.h needs it before itself */
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_choice(void **state)
{
    static const char *const types[] = {"application/json", "text/plain", "application/speedscope+json"};
    static const struct {
        const char *accept;
        size_t chosen;
    } cases[] = {
        {"", 0},
        {"*/*", 0},
        {"text/plain", 1},
        {"TEXT/Plain; charset=utf-8", 1},
        {"text/*", 1},
        {"text/*;q=0.3, application/json;q=0.2", 1},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 0},
        {"application/speedscope+json", 2},
        {"application/json;q=0.5, application/speedscope+json ; q=0.51", 2},
        {"application/json;q=0, */*;q=0.1", 1},
        {"application/*, text/plain;q=0.999", 0},
        {"text/plain;q=0.5;q=1,application/json;q=0.4", 1},
        {"image/png", 0},
        {",, ,text/plain,,", 1},
        {";;;=,text/plain;q=", 1},
        {"text", 0},
        {"text/", 0},
        {"/", 0},
        {"text/plain;q=0.0009,application/json;q=0.001", 0},
    };

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(cases); i++)
        assert_int_equal(accept_choose(cases[i].accept, types, ELEMENTS_OF(types)), cases[i].chosen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_choice)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
