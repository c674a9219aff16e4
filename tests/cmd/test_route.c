#include "cmd/route.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_route(struct request *request, const char *method, const char *path)
{
    _cleanup_buffer_ struct buffer out = {0};
    const char *got = NULL;
    assert_int_equal(route_of(request, &got, &out), 0);
    assert_string_equal(got, method);
    assert_string_equal(buffer_string(&out), path);
    request_release(request);
}

static void add(struct request *request, const char *name, const char *value)
{
    assert_int_equal(fields_add(&request->arguments, name, value), 0);
}

static void requests_become_kudus_paths(void **state)
{
    struct request request = {.operation = "list"};
    (void)state;
    assert_route(&request, "GET", "/api/processes");
    request = (struct request){.operation = "list"};
    add(&request, "allUsers", "true");
    add(&request, "kernel", "true");
    assert_route(&request, "GET", "/api/processes?allUsers=true&kernel=true");
    request = (struct request){.operation = "show", .id = -1};
    assert_route(&request, "GET", "/api/processes/-1");
    request = (struct request){.operation = "thread", .id = 42, .child = 43};
    assert_route(&request, "GET", "/api/processes/42/threads/43");
    request = (struct request){.operation = "module", .id = 42, .child = (int64_t)0xffffffffff600000u};
    assert_route(&request, "GET", "/api/processes/42/modules/ffffffffff600000");
    request = (struct request){.operation = "stop", .id = 42};
    add(&request, "grace", "10s");
    assert_route(&request, "DELETE", "/api/processes/42?grace=10s");
    request = (struct request){.operation = "dump", .id = 42};
    add(&request, "dumpType", "2");
    assert_route(&request, "GET", "/api/processes/42/dump?dumpType=2");
}

static void what_a_person_types_stays_one_value(void **state)
{
    struct request request = {.operation = "environment", .id = 42};
    (void)state;
    assert_route(&request, "GET", "/api/processes/42/environments/all");
    request = (struct request){.operation = "environment", .id = 42};
    add(&request, "filter", "../a b?c&d#\xff%");
    assert_route(&request, "GET", "/api/processes/42/environments/..%2Fa%20b%3Fc%26d%23%FF%25");
    request = (struct request){.operation = "stop", .id = 42};
    add(&request, "signal", "TERM&dryRun=false");
    assert_route(&request, "DELETE", "/api/processes/42?signal=TERM%26dryRun%3Dfalse");
}

static void an_unknown_operation_has_no_route(void **state)
{
    struct request request = {.operation = "other"};
    _cleanup_buffer_ struct buffer out = {0};
    const char *method = NULL;
    (void)state;
    assert_int_equal(route_of(&request, &method, &out), -EOPNOTSUPP);
    assert_null(method);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_become_kudus_paths),
        cmocka_unit_test(what_a_person_types_stays_one_value),
        cmocka_unit_test(an_unknown_operation_has_no_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
