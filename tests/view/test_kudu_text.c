#include "view/kudu.h"

#include <setjmp.h> /* cmocka.h needs these before itself */
#include <stdarg.h>

#include <cmocka.h>

static void assert_date(int64_t ns, const char *wanted)
{
    char text[KUDU_TIME_SIZE];

    kudu_date(ns, text);
    assert_string_equal(text, wanted);
}

static void assert_span(int64_t ns, const char *wanted)
{
    char text[KUDU_TIME_SIZE];

    kudu_time_span(ns, text);
    assert_string_equal(text, wanted);
}

static void dates_have_seven_decimals_and_a_z(void **state)
{
    (void)state;
    assert_date(0, "1970-01-01T00:00:00.0000000Z");
    assert_date(1795242673123456700, "2026-11-21T06:31:13.1234567Z");
    assert_date(1795242673123456799, "2026-11-21T06:31:13.1234567Z"); /* cut, not rounded */
    assert_date(951782400000000100, "2000-02-29T00:00:00.0000001Z");
    assert_date(-1, "1969-12-31T23:59:59.9999999Z");
    assert_date(-100, "1969-12-31T23:59:59.9999999Z");
    assert_date(-1000000000, "1969-12-31T23:59:59.0000000Z");
    assert_date(INT64_MAX, "2262-04-11T23:47:16.8547758Z");
    assert_date(INT64_MIN, "1677-09-21T00:12:43.1452241Z");
}

static void time_spans_have_the_constant_form(void **state)
{
    (void)state;
    assert_span(0, "00:00:00");
    assert_span(99, "00:00:00");
    assert_span(100, "00:00:00.0000001");
    assert_span(10000000, "00:00:00.0100000");
    assert_span(59999999999, "00:00:59.9999999");
    assert_span(3661 * INT64_C(1000000000), "01:01:01");
    assert_span(86399 * INT64_C(1000000000), "23:59:59");
    assert_span(86400 * INT64_C(1000000000), "1.00:00:00");
    assert_span((10 * 86400 + 7384) * INT64_C(1000000000) + 500000000, "10.02:03:04.5000000");
    assert_span(-1000000000, "-00:00:01");
    assert_span(-86400 * INT64_C(1000000000) - 100, "-1.00:00:00.0000001");
    assert_span(INT64_MAX, "106751.23:47:16.8547758");
    assert_span(INT64_MIN, "-106751.23:47:16.8547758");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_have_seven_decimals_and_a_z),
        cmocka_unit_test(time_spans_have_the_constant_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
