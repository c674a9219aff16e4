#include "base/limits.h"
#include "cmd/heap_compare.h"
#include "cmd/session.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* JSON with ' for " */
static json_t *parse(const char *text)
{
    _cleanup_free_ char *copy = strdup(text);
    json_t *json;

    assert_non_null(copy);
    for (char *at = copy; (at = strchr(at, '\''));)
        *at = '"';
    json = json_loads(copy, 0, NULL);
    assert_non_null(json);
    return json;
}

static int compare(struct heap_comparison *comparison, const json_t *before, const json_t *now,
                   struct error *error)
{
    int r = heap_comparison_before(comparison, before, "old.json", error);

    if (r == 0)
        r = heap_comparison_now(comparison, now, "The answer", error);
    if (r == 0)
        heap_comparison_finish(comparison);
    return r;
}

static void assert_change(const struct heap_comparison *comparison, size_t i, const char *type, int64_t count,
                          int64_t bytes)
{
    assert_in_range(i + 1, 1, comparison->count);
    assert_string_equal(comparison->items[i].type, type);
    assert_int_equal(heap_change_count(&comparison->items[i]), count);
    assert_int_equal(heap_change_bytes(&comparison->items[i]), bytes);
}

static void those_that_grew_most_come_first(void **state)
{
    _cleanup_json_ json_t *before = parse("{'types': [{'type': 'stays', 'count': 5, 'bytes': 50},"
                                          "{'type': 'grows', 'count': 1, 'bytes': 10},"
                                          "{'type': 'gone', 'count': 3, 'bytes': 30}]}");
    _cleanup_json_ json_t *now = parse("{'types': [{'type': 'new', 'count': 1, 'bytes': 8},"
                                       "{'type': 'stays', 'count': 5, 'bytes': 50},"
                                       "{'type': 'grows', 'count': 3, 'bytes': 30},"
                                       "{'type': 'grows', 'count': 1, 'bytes': 10}]}");
    _cleanup_heap_comparison_ struct heap_comparison comparison = {0};
    struct error error = {0};
    (void)state;

    assert_int_equal(compare(&comparison, before, now, &error), 0);
    assert_int_equal(comparison.count, 4);
    assert_change(&comparison, 0, "grows", 3, 30);
    assert_change(&comparison, 1, "new", 1, 8);
    assert_change(&comparison, 2, "stays", 0, 0);
    assert_change(&comparison, 3, "gone", -3, -30);
    assert_int_equal(comparison.before.count, 9);
    assert_int_equal(comparison.now.bytes, 98);

    heap_comparison_cut(&comparison, 2); /* the largest changes of either sign */
    assert_int_equal(comparison.count, 2);
    assert_change(&comparison, 0, "grows", 3, 30);
    assert_change(&comparison, 1, "gone", -3, -30);
}

static void what_did_not_change_is_cut(void **state)
{
    _cleanup_json_ json_t *json = parse("{'types': [{'type': 'a', 'count': 5, 'bytes': 50}]}");
    _cleanup_heap_comparison_ struct heap_comparison comparison = {0};
    struct error error = {0};
    (void)state;

    assert_int_equal(compare(&comparison, json, json, &error), 0);
    assert_int_equal(comparison.count, 1);
    heap_comparison_cut(&comparison, SIZE_MAX);
    assert_int_equal(comparison.count, 0);
}

static void modules_of_another_version_are_the_same(void **state)
{
    _cleanup_json_ json_t *before =
        parse("{'types': [{'type': 'T', 'module': 'java.base@17.0.2', 'count': 1, 'bytes': 1},"
              "{'type': 'U', 'module': '/a/10.0.1/Core.dll', 'count': 1, 'bytes': 1},"
              "{'type': 'V', 'module': 'a', 'count': 1, 'bytes': 1}]}");
    _cleanup_json_ json_t *now =
        parse("{'types': [{'type': 'T', 'module': 'java.base@21', 'count': 3, 'bytes': 3},"
              "{'type': 'U', 'module': '/b/Core.dll', 'count': 2, 'bytes': 2},"
              "{'type': 'V', 'count': 1, 'bytes': 1}]}");
    _cleanup_heap_comparison_ struct heap_comparison comparison = {0};
    struct error error = {0};
    (void)state;

    assert_int_equal(compare(&comparison, before, now, &error), 0);
    assert_int_equal(comparison.count, 4); /* V of two modules */
    assert_change(&comparison, 0, "T", 2, 2);
    assert_string_equal(comparison.items[0].module, "java.base@21");
    assert_change(&comparison, 1, "U", 1, 1);
    assert_string_equal(comparison.items[1].module, "/b/Core.dll");
}

static void what_is_no_count(void **state)
{
    static const char *const texts[] = {
        "[]",
        "{}",
        "{'types': {}}",
        "{'types': [1]}",
        "{'types': [{}]}",
        "{'types': [{'type': 1, 'count': 1, 'bytes': 1}]}",
        "{'types': [{'type': 'a', 'count': -1, 'bytes': 1}]}",
        "{'types': [{'type': 'a', 'count': 1.5, 'bytes': 1}]}",
        "{'types': [{'type': 'a', 'count': 1}]}",
        "{'types': [{'type': 'a', 'module': 7, 'count': 1, 'bytes': 1}]}",
        ("{'types': [{'type': 'a', 'count': 1, 'bytes': 9223372036854775807},"
         "{'type': 'b', 'count': 1, 'bytes': 1}]}"),
    };
    _cleanup_json_ json_t *good = parse("{'types': []}");
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
        _cleanup_json_ json_t *bad = parse(texts[i]);
        _cleanup_heap_comparison_ struct heap_comparison one = {0}, other = {0};
        struct error error = {0};

        assert_int_equal(compare(&one, bad, good, &error), -EINVAL);
        assert_non_null(strstr(error.text, "old.json is no count of a heap"));
        assert_int_equal(compare(&other, good, bad, &error), -EBADMSG);
        assert_non_null(strstr(error.text, "The answer is no count of a heap"));
    }
}

static void there_is_a_most(void **state)
{
    _cleanup_json_ json_t *json = json_object(), *one = json_string("");
    json_t *types = json_array();
    _cleanup_heap_comparison_ struct heap_comparison comparison = {0};
    struct error error = {0};
    (void)state;

    for (size_t i = 0; i <= LIMIT_HEAP_TYPES; i++)
        assert_int_equal(json_array_append(types, one), 0);
    assert_int_equal(json_object_set_new(json, "types", types), 0);
    assert_int_equal(heap_comparison_before(&comparison, json, "old.json", &error), -EINVAL);
    assert_non_null(strstr(error.text, "262144"));
}

static void counts_of_other_things(void **state)
{
    _cleanup_json_ json_t *java = parse("{'runtime': 'Java', 'live': true, 'types': []}");
    _cleanup_json_ json_t *all = parse("{'runtime': 'Java', 'live': false, 'types': []}");
    _cleanup_json_ json_t *node = parse("{'runtime': 'Node', 'types': []}");
    const struct {
        const json_t *before, *now;
        const char *words;
    } cases[] = {{java, java, NULL},
                 {java, all, "newer count is of all"},
                 {all, java, "older"},
                 {java, node, "of Node"}};
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
        _cleanup_heap_comparison_ struct heap_comparison comparison = {0};
        struct error error = {0}, caution = {0};

        assert_int_equal(compare(&comparison, cases[i].before, cases[i].now, &error), 0);
        assert_int_equal(heap_comparison_caution(&comparison, &caution), cases[i].words != NULL);
        if (cases[i].words)
            assert_non_null(strstr(caution.text, cases[i].words));
    }
}

static void files(void **state)
{
    char path[] = "/tmp/heap-XXXXXX";
    int fd = mkstemp(path);
    json_t *json = NULL;
    struct error error = {0};
    (void)state;

    assert_true(fd >= 0);
    assert_int_equal(heap_file_read("/", &json, &error), -EINVAL);
    assert_int_equal(heap_file_read("/no such file", &json, &error), -EINVAL);
    assert_non_null(strstr(error.text, "can't be read"));
    assert_int_equal(heap_file_read(path, &json, &error), -EINVAL);
    assert_non_null(strstr(error.text, "no JSON"));
    assert_int_equal(write(fd, "{\"types\": []}", 13), 13);
    assert_int_equal(heap_file_read(path, &json, &error), 0);
    json_decref(json);
    assert_int_equal(ftruncate(fd, LIMIT_HEAP_FILE + 1), 0);
    assert_int_equal(heap_file_read(path, &json, &error), -EFBIG);
    (void)close(fd);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_that_grew_most_come_first),
        cmocka_unit_test(what_did_not_change_is_cut),
        cmocka_unit_test(modules_of_another_version_are_the_same),
        cmocka_unit_test(what_is_no_count),
        cmocka_unit_test(there_is_a_most),
        cmocka_unit_test(counts_of_other_things),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
