#include "http/target.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void segments_are_decoded(void **state)
{
    _cleanup_target_ struct target target = {0};
    struct error error;
    (void)state;

    assert_int_equal(target_parse("/api/a%20b/%C3%A9/", &target, &error), 0);
    assert_int_equal(target.segment_count, 3);
    assert_string_equal(target.segments[1], "a b");
    assert_string_equal(target.segments[2], "\xc3\xa9");
}

static void root_has_no_segments(void **state)
{
    _cleanup_target_ struct target target = {0};
    struct error error;
    (void)state;

    assert_int_equal(target_parse("/?x", &target, &error), 0);
    assert_int_equal(target.segment_count, 0);
    assert_string_equal(target_query(&target, "x"), "");
}

static void empty_parts_inside_stay(void **state)
{
    _cleanup_target_ struct target target = {0};
    struct error error;
    (void)state;

    assert_int_equal(target_parse("/api//x", &target, &error), 0);
    assert_int_equal(target.segment_count, 3);
    assert_string_equal(target.segments[1], "");
}

static void query_is_taken_apart(void **state)
{
    _cleanup_target_ struct target target = {0};
    struct error error;
    (void)state;

    assert_int_equal(target_parse("/x?dumpType=2&&a=1+2%2B%2F&a=3&b", &target, &error), 0);
    assert_string_equal(target_query(&target, "DumpType"), "2");
    assert_string_equal(target_query(&target, "a"), "3"); /* the last one */
    assert_string_equal(target.query[1].value, "1 2+/");
    assert_string_equal(target_query(&target, "b"), "");
    assert_null(target_query(&target, "c"));
}

static void absolute_form_is_taken(void **state)
{
    _cleanup_target_ struct target target = {0};
    struct error error;
    (void)state;

    assert_int_equal(target_parse("HTTP://host:1/api?x=1", &target, &error), 0);
    assert_int_equal(target.segment_count, 1);
    assert_string_equal(target_query(&target, "x"), "1");
}

static void hostile_ones_are_refused(void **state)
{
    static const char *const bad[] = {"",       "*",      "api",     "/%",        "/%4",    "/%zz",  "/%00",
                                      "/a%2fb", "/a%2Fb", "/a b",    "/a\tb",     "/a\nb",  "/\xff", "/a#b",
                                      "/x?a=%", "/x?%00", "http://", "ftp://a/b", "/x?a=%0"};
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(bad); i++) {
        struct target target = {.storage = NULL, .segment_count = 77};
        struct error error = {0};
        assert_int_equal(target_parse(bad[i], &target, &error), -EINVAL);
        assert_int_equal(target.segment_count, 77); /* untouched */
        assert_true(error.text[0] != 0);
    }
}

static void counts_are_bounded(void **state)
{
    char text[TARGET_SIZE_MAX + 2] = "/";
    _cleanup_target_ struct target target = {0};
    struct error error;
    (void)state;

    memset(text + 1, 'x', TARGET_SIZE_MAX);
    assert_int_equal(target_parse(text, &target, &error), -E2BIG);
    text[TARGET_SIZE_MAX] = 0;
    assert_int_equal(target_parse(text, &target, &error), 0);
    target_release(&target);
    for (size_t i = 0; i < TARGET_SIZE_MAX; i++)
        text[i] = i % 2 ? 'x' : '/';
    assert_int_equal(target_parse(text, &target, &error), -EINVAL);
    text[1] = '?';
    for (size_t i = 2; i < TARGET_SIZE_MAX; i++)
        text[i] = i % 2 ? '&' : 'x';
    assert_int_equal(target_parse(text, &target, &error), -EINVAL);
}

static void what_is_written_is_the_same(void **state)
{
    struct target target = {0};
    struct buffer text = {0};
    (void)state;

    assert_int_equal(target_parse("/a/b%20c/%e4;x/?q=1%2B1+2&instance=i&%26=&dry", &target, NULL), 0);
    assert_int_equal(target_write(&target, 0, true, "instance", &text), 0);
    assert_string_equal(text.data, "/a/b%20c/%E4%3Bx/?q=1%2B1%202&%26=&dry=");
    buffer_clear(&text);
    assert_int_equal(target_write(&target, 2, false, "x", &text), 0);
    assert_string_equal(text.data, "/%E4%3Bx?q=1%2B1%202&instance=i&%26=&dry=");
    target_release(&target);
    buffer_clear(&text);
    assert_int_equal(target_parse("/", &target, NULL), 0);
    assert_int_equal(target_write(&target, 0, false, "", &text), 0);
    assert_string_equal(text.data, "/");
    target_release(&target);
    buffer_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_are_decoded),    cmocka_unit_test(root_has_no_segments),
        cmocka_unit_test(empty_parts_inside_stay), cmocka_unit_test(query_is_taken_apart),
        cmocka_unit_test(absolute_form_is_taken),  cmocka_unit_test(hostile_ones_are_refused),
        cmocka_unit_test(counts_are_bounded),      cmocka_unit_test(what_is_written_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
