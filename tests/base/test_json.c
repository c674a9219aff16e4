#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static json_t *read_back(const struct buffer *out)
{
    json_error_t error;
    json_t *document = json_loadb(out->data, out->size, JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
    if (!document)
        fail_msg("%s in: %s", error.text, buffer_string(out));
    return document;
}

static void assert_written(const char *bytes, size_t size, const char *wanted)
{
    _cleanup_buffer_ struct buffer out = {0};
    struct json json = JSON_INIT(&out);

    json_bytes(&json, bytes, size);
    assert_int_equal(json_finish(&json), 0);
    assert_string_equal(buffer_string(&out), wanted);
    json_decref(read_back(&out));
}
#define ASSERT_WRITTEN(literal, wanted) assert_written(literal, sizeof(literal) - 1, wanted)
#define BAD "\xef\xbf\xbd"

/* The right side is what Python's bytes.decode('utf-8', 'replace') gives, and Unicode's table 3-8 shows. */
static void bytes_that_are_no_utf8(void **state)
{
    (void)state;
    ASSERT_WRITTEN("", "\"\"");
    ASSERT_WRITTEN("caf\xc3\xa9", "\"caf\xc3\xa9\"");
    ASSERT_WRITTEN("\xf0\x9f\x98\x80\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf",
                   "\"\xf0\x9f\x98\x80\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\"");
    ASSERT_WRITTEN("a\xff\xfe"
                   "b",
                   "\"a" BAD BAD "b\"");
    ASSERT_WRITTEN("\x80\xbf", "\"" BAD BAD "\"");
    ASSERT_WRITTEN("\xc3", "\"" BAD "\"");
    ASSERT_WRITTEN("\xe2\x82", "\"" BAD "\"");
    ASSERT_WRITTEN("\xe2\x82x", "\"" BAD "x\"");
    ASSERT_WRITTEN("\xe2\xe2\x82\xac", "\"" BAD "\xe2\x82\xac\"");
    ASSERT_WRITTEN("\xf0\x9f\x98\"", "\"" BAD "\\\"\"");
    ASSERT_WRITTEN("\xc0\xaf", "\"" BAD BAD "\"");         /* overlong */
    ASSERT_WRITTEN("\xe0\x80\xaf", "\"" BAD BAD BAD "\""); /* overlong */
    ASSERT_WRITTEN("\xf0\x80\x80\xaf", "\"" BAD BAD BAD BAD "\"");
    ASSERT_WRITTEN("\xed\xa0\x80", "\"" BAD BAD BAD "\"");         /* a surrogate */
    ASSERT_WRITTEN("\xf4\x90\x80\x80", "\"" BAD BAD BAD BAD "\""); /* past U+10FFFF */
    ASSERT_WRITTEN("\xf5\x80", "\"" BAD BAD "\"");
    ASSERT_WRITTEN("\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64",
                   "\"a" BAD BAD BAD "b" BAD "c" BAD BAD "d\"");
}

static void escapes(void **state)
{
    (void)state;
    ASSERT_WRITTEN("\"\\/\b\f\n\r\t", "\"\\\"\\\\/\\b\\f\\n\\r\\t\"");
    ASSERT_WRITTEN("\0\1\x1f\x7f", "\"\\u0000\\u0001\\u001f\\u007f\"");
}

/* Every pair and many triples of bytes: the document stays valid, and valid text comes back as it was. */
static void all_short_byte_strings_are_read_by_another_reader(void **state)
{
    static const unsigned char third[] = {0x00, 0x22, 0x5c, 0x41, 0x7f, 0x80, 0xa0, 0xbf, 0xc2, 0xed, 0xff};
    _cleanup_buffer_ struct buffer out = {0};
    (void)state;

    for (unsigned first = 0; first < 256; first++) {
        struct json json = JSON_INIT(&out);
        json_t *list;
        size_t at = 0;
        buffer_clear(&out);
        json_array_begin(&json);
        for (unsigned second = 0; second < 256; second++)
            for (size_t i = 0; i < sizeof third; i++) {
                char bytes[] = {(char)first, (char)second, (char)third[i]};
                json_bytes(&json, bytes, sizeof bytes);
            }
        json_array_end(&json);
        assert_int_equal(json_finish(&json), 0);
        list = read_back(&out);
        for (unsigned second = 0; second < 256; second++)
            for (size_t i = 0; i < sizeof third; i++, at++) {
                char bytes[] = {(char)first, (char)second, (char)third[i]};
                json_t *wanted = json_stringn(bytes, sizeof bytes), *got = json_array_get(list, at);
                if (wanted)
                    assert_true(json_equal(wanted, got));
                else
                    assert_non_null(memmem(json_string_value(got), json_string_length(got), BAD, 3));
                json_decref(wanted);
            }
        json_decref(list);
    }
}

static void a_document_of_everything(void **state)
{
    _cleanup_buffer_ struct buffer out = {0};
    struct json json = JSON_INIT(&out);
    (void)state;

    json_object_begin(&json);
    json_member_string(&json, "text", "x");
    json_member_string(&json, "missing", NULL);
    json_member_i64(&json, "least", INT64_MIN);
    json_member_u64(&json, "most", UINT64_MAX);
    json_member_bool(&json, "yes", true);
    json_key_bytes(&json, "a\"bXXX", 3);
    json_array_begin(&json);
    json_array_begin(&json);
    json_array_end(&json);
    json_object_begin(&json);
    json_object_end(&json);
    json_bool(&json, false);
    json_double(&json, 0.25);
    json_double(&json, (double)NAN);
    json_double(&json, -(double)INFINITY);
    json_format(&json, "%d%%\n", 5);
    json_array_end(&json);
    json_object_end(&json);
    assert_int_equal(json_finish(&json), 0);
    assert_string_equal(buffer_string(&out),
                        "{\"text\":\"x\",\"missing\":null,\"least\":-9223372036854775808,"
                        "\"most\":18446744073709551615,\"yes\":true,\"a\\\"b\":[[],{},false,0.25,null,null,"
                        "\"5%\\n\"]}");
}

static void what_would_be_no_document_is_refused(void **state)
{
    _cleanup_buffer_ struct buffer out = {0};
    struct json json = JSON_INIT(&out);
    (void)state;

    assert_int_equal(json_finish(&json), -EINVAL); /* nothing written */
    json_array_begin(&json);
    assert_int_equal(json_finish(&json), -EINVAL); /* open */
    json_object_end(&json);
    assert_int_equal(json_finish(&json), -EINVAL); /* the other bracket */

    json = JSON_INIT(&out);
    json_bool(&json, true);
    json_bool(&json, true);
    assert_int_equal(json_finish(&json), -EINVAL); /* two of them */

    json = JSON_INIT(&out);
    json_object_begin(&json);
    json_bool(&json, true);
    json_object_end(&json);
    assert_int_equal(json_finish(&json), -EINVAL); /* a value without a key */

    json = JSON_INIT(&out);
    json_object_begin(&json);
    json_key(&json, "a");
    json_object_end(&json);
    assert_int_equal(json_finish(&json), -EINVAL); /* a key without a value */

    json = JSON_INIT(&out);
    json_array_begin(&json);
    json_member_bool(&json, "a", true);
    json_array_end(&json);
    assert_int_equal(json_finish(&json), -EINVAL); /* a key in an array */

    json = JSON_INIT(&out);
    json_array_end(&json);
    assert_int_equal(json_finish(&json), -EINVAL); /* closed once too often */
}

static void depth_and_size_are_bounded_and_errors_stay(void **state)
{
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(100), deep = {0};
    struct json json = JSON_INIT(&deep);
    (void)state;

    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        json_array_begin(&json);
    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        json_array_end(&json);
    assert_int_equal(json_finish(&json), 0);

    json = JSON_INIT(&deep);
    for (int i = 0; i < JSON_DEPTH_MAX + 100; i++)
        json_array_begin(&json);
    for (int i = 0; i < JSON_DEPTH_MAX + 100; i++)
        json_array_end(&json);
    assert_int_equal(json_finish(&json), -EOVERFLOW);

    json = JSON_INIT(&out);
    json_array_begin(&json);
    for (int i = 0; i < 100; i++)
        json_i64(&json, i);
    json_array_end(&json);
    assert_int_equal(json_finish(&json), -ENOBUFS);
    assert_true(out.size <= 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_that_are_no_utf8),
        cmocka_unit_test(escapes),
        cmocka_unit_test(all_short_byte_strings_are_read_by_another_reader),
        cmocka_unit_test(a_document_of_everything),
        cmocka_unit_test(what_would_be_no_document_is_refused),
        cmocka_unit_test(depth_and_size_are_bounded_and_errors_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
