#include "api/arm.h"
#include "api/kudu.h"
#include "api/monitor.h"
#include "api/openapi.h"
#include "ops/operation.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check_routes(const struct route *routes)
{
    for (const struct route *route = routes; route->name; route++) {
        const struct operation *operation = operation_find(route->name);
        if (strncmp(route->name, "monitor-", strlen("monitor-")) == 0 && !operation)
            continue; /* answered from memory */
        assert_non_null(operation);
        if (operation->flags & OPERATION_CHANGES) /* a GET must be safe to repeat, prefetch and crawl */
            assert_int_not_equal(route->method, HTTP_GET);
    }
}

static void every_route_has_an_operation(void **state)
{
    (void)state;
    check_routes(kudu_routes);
    check_routes(monitor_routes);
    check_routes(arm_routes);
}

static void openapi_has_every_route(void **state)
{
    _cleanup_buffer_ struct buffer text = {0};
    json_t *document, *paths;
    (void)state;

    assert_int_equal(openapi_write("/x", true, &text), 0);
    document = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    paths = json_object_get(document, "paths");
    for (const char *const *root = kudu_roots; *root; root++) {
        char path[200];
        (void)snprintf(path, sizeof path, "%s/{id}/modules/{base}", *root); /* fits */
        assert_non_null(json_object_get(json_object_get(paths, path), "get"));
        (void)snprintf(path, sizeof path, "%s/{id}", *root); /* likewise */
        assert_int_equal(json_object_size(json_object_get(paths, path)), 2);
    }
    for (const char *const *root = arm_roots; *root; root++) {
        char path[300];
        (void)snprintf(path, sizeof path, "%s/processes/{id}/threads/{tid}", *root); /* fits */
        assert_non_null(json_object_get(json_object_get(paths, path), "get"));
    }
    assert_int_equal(json_object_size(paths), 8 + 3 * 20 + 4 * 10 + 11);
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_has_an_operation),
        cmocka_unit_test(openapi_has_every_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
