#include "view/arm.h"
#include "view/kudu.h"

#include <stdarg.h>
#include <string.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

#define SITE "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/web"
#define BASE "http://host" SITE "/processes"

#define ASSERT_JSON(call, wanted)                                                                            \
    do {                                                                                                     \
        _cleanup_buffer_ struct buffer _text = {0};                                                          \
        struct json json = JSON_INIT(&_text);                                                                \
        call;                                                                                                \
        assert_int_equal(json_finish(&json), 0);                                                             \
        assert_string_equal(buffer_string(&_text), wanted);                                                  \
    } while (0)

static void empty(struct json *json, const char *id)
{
    const struct arm_style style = {.id = id};

    arm_object_begin(json, &style, "");
    arm_object_end(json, &style);
}

static void name_and_type_are_the_ids_alternating_parts(void **state)
{
    (void)state;
    ASSERT_JSON(empty(&json, SITE "/processes/1/modules/7f"),
                "{\"id\":\"" SITE "/processes/1/modules/7f\",\"name\":\"web/1/7f\","
                "\"type\":\"Microsoft.Web/sites/processes/modules\",\"properties\":{}}");
    ASSERT_JSON(empty(&json, "/subscriptions/s/resourcegroups/g/providers/microsoft.web/sites/a%20b"),
                "{\"id\":\"/subscriptions/s/resourcegroups/g/providers/microsoft.web/sites/a%20b\","
                "\"name\":\"a%20b\",\"type\":\"Microsoft.Web/sites\",\"properties\":{}}");
    ASSERT_JSON(empty(&json, SITE "/processes"),
                "{\"id\":\"" SITE "/processes\",\"name\":\"web\",\"type\":\"Microsoft.Web/sites/processes\","
                "\"properties\":{}}");
}

static void other_ids_have_neither(void **state)
{
    static const char *const ids[] = {"",
                                      "/",
                                      "/api/processes/1",
                                      "/////////////",
                                      "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites",
                                      "/subscriptions/s/resourceGroups/g/providers/Microsoft.Webs/sites/a"};
    char wanted[200];
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(ids); i++) {
        (void)snprintf(wanted, sizeof wanted, "{\"id\":\"%s\",\"properties\":{}}", ids[i]); /* fits */
        ASSERT_JSON(empty(&json, ids[i]), wanted);
    }
}

static void without_an_id_there_are_no_envelopes(void **state)
{
    const struct arm_style none = {0};
    (void)state;

    ASSERT_JSON(arm_object_begin(&json, &none, "1"); arm_object_end(&json, &none), "{}");
    ASSERT_JSON((void)arm_array_begin(&json, &none); arm_array_end(&json, &none), "[]");
}

static void lists_are_of_children(void **state)
{
    struct thread_info items[] = {{.id = 42, .name = "web", .state = 'R'},
                                  {.id = 43, .name = "", .state = 'S'}};
    const struct thread_list threads = {.items = items, .count = 2};
    const struct kudu_style style = {
        .base = BASE, .machine = "BOX", .arm = {.id = SITE "/processes/42/threads", .location = "Mars"}};
    (void)state;

    ASSERT_JSON(kudu_threads(&json, &style, 42, &threads, false),
                "{\"value\":[{\"id\":\"" SITE "/processes/42/threads/42\",\"name\":\"web/42/42\","
                "\"type\":\"Microsoft.Web/sites/processes/threads\",\"location\":\"Mars\",\"properties\":"
                "{\"identifier\":42,\"id\":42,\"href\":\"" BASE "/42/threads/42\",\"state\":\"Running\","
                "\"name\":\"web\"}},{\"id\":\"" SITE "/processes/42/threads/43\",\"name\":\"web/42/43\","
                "\"type\":\"Microsoft.Web/sites/processes/threads\",\"location\":\"Mars\",\"properties\":"
                "{\"identifier\":43,\"id\":43,\"href\":\"" BASE "/42/threads/43\",\"state\":\"Wait\"}}]}");
}

static void write_inside(struct json *json, bool nested)
{
    struct module items[] = {{.base = 0x400000, .size = 1, .path = (char *)"/srv/web"}};
    const struct module_list modules = {.items = items, .count = 1};
    const struct kudu_style style = {.base = BASE, .arm = {.id = SITE "/processes/42", .nested = nested}};
    struct kudu_style inside = style;

    inside.arm = arm_inside(&style.arm, "/modules/");
    kudu_modules(json, &inside, 42, &modules);
}

static void members_have_envelopes_where_they_are_wanted(void **state)
{
    (void)state;
    ASSERT_JSON(write_inside(&json, false),
                "[{\"base_address\":\"400000\",\"file_name\":\"web\",\"href\":\"" BASE
                "/42/modules/400000\"}]");
    ASSERT_JSON(write_inside(&json, true),
                "[{\"id\":\"" SITE "/processes/42/modules/400000\",\"name\":\"web/42/400000\",\"type\":"
                "\"Microsoft.Web/sites/processes/modules\",\"properties\":{\"base_address\":\"400000\","
                "\"file_name\":\"web\",\"href\":\"" BASE "/42/modules/400000\"}}]");
}

static void readers_see_three_variables(void **state)
{
    static char text[] =
        "SECRET=1\0COR_ENABLE_PROFILING=2\0cor_enable_profiling=3\0CORECLR_ENABLE_PROFILING=4";
    const struct buffer block = {.data = text, .size = sizeof text - 1};
    const struct kudu_style style = {.mask = {.environment = true}};
    (void)state;

    ASSERT_JSON(kudu_environment(&json, &style, &block, "all"),
                "{\"COR_ENABLE_PROFILING\":\"2\",\"CORECLR_ENABLE_PROFILING\":\"4\"}");
    ASSERT_JSON(kudu_environment(&json, &style, &block, "CLR"), "{\"CORECLR_ENABLE_PROFILING\":\"4\"}");
    ASSERT_JSON(kudu_environment(&json, &style, &block, "SECRET"), "{}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_and_type_are_the_ids_alternating_parts),
        cmocka_unit_test(other_ids_have_neither),
        cmocka_unit_test(without_an_id_there_are_no_envelopes),
        cmocka_unit_test(lists_are_of_children),
        cmocka_unit_test(members_have_envelopes_where_they_are_wanted),
        cmocka_unit_test(readers_see_three_variables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
