#include "api/answer_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_disposition(const char *name, const char *expected)
{
    char text[DISPOSITION_SIZE];

    answer_disposition(name, text);
    assert_string_equal(text, expected);
}

static void names_stay_names(void **state)
{
    char text[DISPOSITION_SIZE], name[1000];
    (void)state;

    assert_disposition("java-0a1b2c-11-21-07-00-00.dmp",
                       "attachment; filename=\"java-0a1b2c-11-21-07-00-00.dmp\"");
    assert_disposition("../../etc/passwd", "attachment; filename=\"_._.._etc_passwd\"");
    assert_disposition("a\"; b=\"c\r\nX: y", "attachment; filename=\"a___b=_c__X__y\"");
    assert_disposition("\xff\xc3\xa9", "attachment; filename=\"___\"");
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    answer_disposition(name, text);
    assert_int_equal(strlen(text), DISPOSITION_SIZE - 1);
    assert_int_equal(text[DISPOSITION_SIZE - 2], '"');
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_stay_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
