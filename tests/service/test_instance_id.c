#include "service/instance_id.h"

#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void the_id_stays_and_differs_by_machine_and_name(void **state)
{
    char path[] = "/tmp/procscope-machine-id-XXXXXX";
    char first[INSTANCE_ID_SIZE], again[INSTANCE_ID_SIZE], other[INSTANCE_ID_SIZE], none[INSTANCE_ID_SIZE];
    _cleanup_close_ int fd = mkostemp(path, 02000000 /* O_CLOEXEC */);
    (void)state;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "0123456789abcdef0123456789abcdef\n", 33), 33);
    instance_id_derive(path, "web-1", first);
    instance_id_derive(path, "web-1", again);
    instance_id_derive(path, "web-2", other);
    assert_int_equal(unlink(path), 0);
    instance_id_derive(path, "web-1", none);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
    assert_string_not_equal(first, none);
    assert_null(strstr(first, "0123456789abcdef"));
    assert_true(instance_id_is_valid(first));
    assert_int_equal(strlen(first), 64);
}

static void what_could_break_a_path_or_a_header_is_no_id(void **state)
{
    static const char *const bad[] = {"", ".", "..", "a/b", "a b", "a;b", "a\nb", "\xc3\xa4", "a%2e", "a\"b"};
    char longest[INSTANCE_ID_MAX + 2];
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(bad); i++)
        assert_false(instance_id_is_valid(bad[i]));
    memset(longest, 'x', sizeof longest);
    longest[INSTANCE_ID_MAX + 1] = 0;
    assert_false(instance_id_is_valid(longest));
    longest[INSTANCE_ID_MAX] = 0;
    assert_true(instance_id_is_valid(longest));
    assert_true(instance_id_is_valid("web-1.example.com_2"));
}

static void no_run_is_like_another(void **state)
{
    char first[INSTANCE_RUN_SIZE], second[INSTANCE_RUN_SIZE];
    (void)state;

    instance_run_make(first);
    instance_run_make(second);
    assert_string_not_equal(first, second);
    assert_int_equal(strlen(first), INSTANCE_RUN_SIZE - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_id_stays_and_differs_by_machine_and_name),
        cmocka_unit_test(what_could_break_a_path_or_a_header_is_no_id),
        cmocka_unit_test(no_run_is_like_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
