#include "http/problem.h"
#include "http/router.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct route routes[] = {
    {HTTP_GET, "/", "all"},
    {HTTP_GET, "/{id:int}", "one"},
    {HTTP_DELETE, "/{id:int}", "end"},
    {HTTP_POST, "/{id:int}/stop", "stop"},
    {HTTP_GET, "/{id:int}/modules/{base:hex}", "module"},
    {HTTP_GET, "/{id:int}/environments/{filter:text}", "environment"},
    {0},
};

static struct route_match find(const char *path, enum http_method method)
{
    _cleanup_target_ struct target target = {0};
    struct route_match match;
    struct error error;

    assert_int_equal(target_parse(path, &target, &error), 0);
    route_find(routes, &target, 1, method, &match); /* "/p" in front is not the router's */
    match.captures[1].text = NULL;                  /* points into target */
    return match;
}

static void assert_route(const char *path, enum http_method method, const char *name)
{
    struct route_match match = find(path, method);

    assert_non_null(match.route);
    assert_string_equal(match.route->name, name);
}

static void paths_lead_to_their_routes(void **state)
{
    (void)state;
    assert_route("/p", HTTP_GET, "all");
    assert_route("/p/", HTTP_GET, "all");
    assert_route("/p/42", HTTP_GET, "one");
    assert_route("/p/42/", HTTP_HEAD, "one");
    assert_route("/p/-1", HTTP_DELETE, "end");
    assert_route("/p/7/STOP", HTTP_POST, "stop");
    assert_route("/p/7/modules/7ffd00", HTTP_GET, "module");
    assert_route("/p/7/environments/a%20b", HTTP_GET, "environment");
    assert_int_equal(find("/p/-1", HTTP_GET).captures[0].number, -1);
    assert_int_equal(find("/p/7/modules/fffffffffffff000", HTTP_GET).captures[1].number, -4096);
}

static void parts_of_another_kind_are_no_route(void **state)
{
    static const char *const none[] = {"/p/abc",
                                       "/p/1x",
                                       "/p/99999999999999999999",
                                       "/p//",
                                       "/p/1/modules/xyz",
                                       "/p/1/environments",
                                       "/p/1/environments//",
                                       "/p/1/stop/x",
                                       "/p/+1",
                                       "/p/%201"};
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(none); i++)
        assert_int_equal(find(none[i], HTTP_GET).allowed, 0);
}

static void other_methods_are_told_which(void **state)
{
    struct route_match match = find("/p/42", HTTP_PUT);
    char allow[HTTP_ALLOW_SIZE];
    (void)state;

    assert_null(match.route);
    http_method_allow(match.allowed, allow);
    assert_string_equal(allow, "GET, HEAD, DELETE");
    http_method_allow(find("/p/42/stop", HTTP_GET).allowed, allow);
    assert_string_equal(allow, "POST");
    assert_int_equal(http_method_parse("get"), HTTP_OTHER); /* methods are case-sensitive */
    assert_int_equal(http_method_parse("BREW"), HTTP_OTHER);
}

static void errors_have_their_status(void **state)
{
    static const struct {
        int code;
        unsigned status;
    } table[] = {{EINVAL, 400},     {EACCES, 403}, {EPERM, 403},     {ESRCH, 404},
                 {ENOENT, 404},     {EBUSY, 409},  {EFBIG, 413},     {EUSERS, 429},
                 {EOPNOTSUPP, 501}, {EAGAIN, 503}, {ETIMEDOUT, 504}, {EIO, 500}};
    _cleanup_buffer_ struct buffer text = {0};
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(table); i++) {
        assert_int_equal(problem_status(table[i].code), table[i].status);
        assert_string_not_equal(problem_title(table[i].status), "Error");
    }
    assert_int_equal(problem_write(PROBLEM_KUDU, 404, "No \"x\".", &text), 0);
    assert_string_equal(text.data,
                        "{\"Message\":\"No \\\"x\\\".\",\"type\":\"about:blank\",\"title\":\"Not Found\","
                        "\"status\":404,\"detail\":\"No \\\"x\\\".\"}");
    buffer_clear(&text);
    assert_int_equal(problem_write(PROBLEM_ARM, 404, "No x.", &text), 0);
    assert_string_equal(text.data, "{\"error\":{\"code\":\"NotFound\",\"message\":\"No x.\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_lead_to_their_routes),
        cmocka_unit_test(parts_of_another_kind_are_no_route),
        cmocka_unit_test(other_methods_are_told_which),
        cmocka_unit_test(errors_have_their_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
