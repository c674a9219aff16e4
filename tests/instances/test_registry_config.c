#include "instances/registry_config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

static void the_three_forms(void **state)
{
    struct registry_config registry = {0};
    (void)state;

    assert_int_equal(registry_config_parse("static:http://a:1/,https://b", &registry, NULL), 0);
    assert_int_equal(registry.kind, REGISTRY_STATIC);
    assert_int_equal(registry.url_count, 2);
    assert_string_equal(registry.urls[0], "http://a:1");
    assert_string_equal(registry.urls[1], "https://b");
    registry_config_release(&registry);

    assert_int_equal(registry_config_parse("dns:procscope.default.svc:7420", &registry, NULL), 0);
    assert_int_equal(registry.kind, REGISTRY_DNS);
    assert_string_equal(registry.name, "procscope.default.svc");
    assert_string_equal(registry.port, "7420");
    registry_config_release(&registry);

    assert_int_equal(registry_config_parse("etcd:http://a:2379,http://b:2379/my/prod/", &registry, NULL), 0);
    assert_int_equal(registry.kind, REGISTRY_ETCD);
    assert_int_equal(registry.url_count, 2);
    assert_string_equal(registry.urls[1], "http://b:2379");
    assert_string_equal(registry.prefix, "/my/prod");
    registry_config_release(&registry);

    assert_int_equal(registry_config_parse("etcd:http://a:2379", &registry, NULL), 0);
    assert_string_equal(registry.prefix, "/procscope");
    registry_config_release(&registry);

    assert_int_equal(registry_config_parse("", &registry, NULL), 0);
    assert_int_equal(registry.kind, REGISTRY_NONE);
}

static void everything_else_is_refused(void **state)
{
    static const char *const bad[] = {"static:",
                                      "static:a",
                                      "static:http://a,",
                                      "static:,http://a",
                                      "x",
                                      "dns:a",
                                      "dns::1",
                                      "dns:a:0",
                                      "dns:a b:1",
                                      "etcd:",
                                      "etcd:/x",
                                      "etcd:http://a/b c",
                                      "consul:http://a",
                                      "STATIC:http://a"};
    struct registry_config registry = {0};
    struct error error;
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(bad); i++) {
        error = (struct error){0};
        assert_int_equal(registry_config_parse(bad[i], &registry, &error), -EINVAL);
        assert_non_null(strstr(error.text, "static:URL"));
        assert_null(registry.urls);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_three_forms),
        cmocka_unit_test(everything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
