/* Files that say who may do what: those that others could have written are refused. */
#include "access/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/test_file_XXXXXX";

static int read_with(mode_t mode, bool secret)
{
    _cleanup_buffer_ struct buffer text = {0};
    struct error error = {0};

    assert_int_equal(chmod(path, mode), 0);
    int r = access_file_read(path, secret, &text, NULL, &error);
    if (r == 0)
        assert_string_equal(text.data, "a\n#b\n\nc\r\nd");
    else
        assert_int_equal(error.code, -r);
    return r;
}

static void modes_are_looked_at(void **state)
{
    (void)state;
    assert_int_equal(read_with(0600, true), 0);
    assert_int_equal(read_with(0640, true), 0);
    assert_int_equal(read_with(0644, false), 0);
    assert_int_equal(read_with(0644, true), -EACCES);
    assert_int_equal(read_with(0660, true), -EACCES);
    assert_int_equal(read_with(0602, false), -EACCES);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
        assert_int_equal(read_with(0600, false), -EACCES);
        assert_int_equal(chown(path, 0, (gid_t)-1), 0);
    }
}

static void what_is_no_file_is_refused(void **state)
{
    _cleanup_buffer_ struct buffer text = {0};
    (void)state;

    assert_int_equal(access_file_read("/dev/zero", false, &text, NULL, NULL), -EINVAL);
    assert_int_equal(access_file_read("/tmp", false, &text, NULL, NULL), -EINVAL);
    assert_int_equal(access_file_read("/nowhere/at/all", false, &text, NULL, NULL), -ENOENT);
}

static void lines_are_cut(void **state)
{
    char text[] = "a\n#b\n\nc\r\nd", *cursor = text;
    unsigned number = 0;
    (void)state;

    assert_string_equal(access_file_line(&cursor, &number), "a");
    assert_int_equal(number, 1);
    assert_string_equal(access_file_line(&cursor, &number), "c");
    assert_int_equal(number, 4);
    assert_string_equal(access_file_line(&cursor, &number), "d");
    assert_null(access_file_line(&cursor, &number));
}

static int set_up(void **state)
{
    int fd = mkstemp(path);
    (void)state;

    return fd >= 0 && write(fd, "a\n#b\n\nc\r\nd", 10) == 10 ? close(fd) : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modes_are_looked_at),
        cmocka_unit_test(what_is_no_file_is_refused),
        cmocka_unit_test(lines_are_cut),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
