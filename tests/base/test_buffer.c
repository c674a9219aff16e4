#include "base/array.h"
#include "base/buffer.h"
#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void grows_up_to_its_limit_and_no_further(void **state)
{
    _cleanup_buffer_ struct buffer buffer = BUFFER_INIT(1000);
    (void)state;

    assert_string_equal(buffer_string(&buffer), "");
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(buffer_append(&buffer, "x", 1), 0);
        assert_int_equal(buffer.data[buffer.size], '\0');
        assert_true(buffer.capacity <= 1001);
    }
    assert_int_equal(buffer_append(&buffer, "x", 1), -ENOBUFS);
    assert_int_equal(buffer_append_zeros(&buffer, 1), -ENOBUFS);
    assert_int_equal(buffer_append_format(&buffer, "%d", 5), -ENOBUFS);
    assert_int_equal(buffer_append(&buffer, "", 0), 0);
    assert_int_equal(buffer_reserve(&buffer, SIZE_MAX), -ENOBUFS);
    assert_int_equal(buffer.size, 1000);
    buffer.limit = 10; /* lowered below what is in it */
    assert_int_equal(buffer_append(&buffer, "x", 1), -ENOBUFS);
    buffer_clear(&buffer);
    assert_string_equal(buffer_string(&buffer), "");
    assert_int_equal(buffer_append(&buffer, "0123456789", 10), 0);
    assert_int_equal(buffer_append(&buffer, "x", 1), -ENOBUFS);
}

static void holds_bytes_zeros_and_formatted_text(void **state)
{
    _cleanup_buffer_ struct buffer buffer = {0};
    (void)state;

    assert_int_equal(buffer_append(&buffer, "a\0b", 3), 0);
    assert_int_equal(buffer_append_zeros(&buffer, 2), 0);
    assert_int_equal(buffer_append_string(&buffer, "text"), 0);
    assert_int_equal(buffer_append_format(&buffer, "%s-%03d", "n", 7), 0);
    assert_int_equal(buffer.size, 14);
    assert_memory_equal(buffer.data, "a\0b\0\0textn-007", 15);
    assert_int_equal(buffer_append_format(&buffer, "%5000s", "right"), 0);
    assert_int_equal(buffer.size, 5014);
    assert_string_equal(buffer.data + 5009, "right");
    buffer_release(&buffer);
    buffer_release(&buffer);
    assert_int_equal(buffer_append_string(&buffer, "again"), 0);
    assert_string_equal(buffer.data, "again");
}

static void the_default_limit_holds(void **state)
{
    _cleanup_buffer_ struct buffer buffer = {0};
    (void)state;

    assert_int_equal(buffer_reserve(&buffer, (size_t)BUFFER_LIMIT_DEFAULT + 1), -ENOBUFS);
    assert_int_equal(buffer_append_zeros(&buffer, 1000), 0);
    assert_int_equal(buffer_reserve(&buffer, BUFFER_LIMIT_DEFAULT - 999), -ENOBUFS);
}

static void arrays_stop_at_their_maximum(void **state)
{
    struct {
        uint64_t *items;
        size_t count, capacity;
    } list = {0};
    (void)state;

    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(ARRAY_RESERVE(&list, 1, 100), 0);
        assert_true(list.capacity <= 100 && list.capacity > list.count);
        list.items[list.count++] = i;
    }
    assert_int_equal(ARRAY_RESERVE(&list, 1, 100), -ENOBUFS);
    assert_int_equal(ARRAY_RESERVE(&list, SIZE_MAX, 100), -ENOBUFS);
    assert_int_equal(ARRAY_RESERVE(&list, 1, 50), -ENOBUFS);
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(list.items[i], i);
    free(list.items);
}

static void errors_are_cut_and_kept(void **state)
{
    struct error error = {0};
    char longer[2 * ERROR_TEXT_MAX];
    (void)state;

    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(error_set(&error, ESRCH, "%s", longer), -ESRCH);
    assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);
    assert_int_equal(error_errno(&error, EACCES, "%s", longer), -EACCES);
    assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);
    assert_int_equal(error_errno(&error, EACCES, "Cannot open x"), -EACCES);
    assert_string_equal(error.text, "Cannot open x: Permission denied.");
    assert_int_equal(error_ensure(&error, -EACCES, "Cannot do y"), -EACCES); /* already said */
    assert_string_equal(error.text, "Cannot open x: Permission denied.");
    assert_int_equal(error_ensure(&error, -EIO, "Cannot do y"), -EIO);
    assert_string_equal(error.text, "Cannot do y: Input/output error.");
    assert_int_equal(error_ensure(&error, 0, "nothing"), 0);
    assert_int_equal(error_set(NULL, EIO, "nobody listens"), -EIO);
    assert_int_equal(error_ensure(NULL, -EIO, "nobody listens"), -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_up_to_its_limit_and_no_further),
        cmocka_unit_test(holds_bytes_zeros_and_formatted_text),
        cmocka_unit_test(the_default_limit_holds),
        cmocka_unit_test(arrays_stop_at_their_maximum),
        cmocka_unit_test(errors_are_cut_and_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
