#include "base/parse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

typedef int (*parser)(const char *text, uint64_t *ret_value);

struct example {
    const char *text;
    int r;
    uint64_t value;
};

static void check(parser parse, const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 4711;
        int r = parse(examples[i].text, &value);
        if (r != examples[i].r || value != (r < 0 ? 4711 : examples[i].value))
            fail_msg("'%s': %d, %llu", examples[i].text, r, (unsigned long long)value);
    }
}

static void unsigned_numbers(void **state)
{
    static const struct example examples[] = {
        {"0", 0, 0},
        {"007", 0, 7},
        {"18446744073709551615", 0, UINT64_MAX},
        {"18446744073709551616", -ERANGE, 0},
        {"99999999999999999999999999", -ERANGE, 0},
        {"", -EINVAL, 0},
        {"+1", -EINVAL, 0},
        {"-1", -EINVAL, 0},
        {" 1", -EINVAL, 0},
        {"1 ", -EINVAL, 0},
        {"1x", -EINVAL, 0},
        {"0x1", -EINVAL, 0},
        {"1\n", -EINVAL, 0},
        {"\xd9\xa1", -EINVAL, 0}, /* a digit, but of Arabic */
    };
    (void)state;
    check(parse_u64, examples, ELEMENTS_OF(examples));
}

static void hexadecimal_numbers(void **state)
{
    static const struct example examples[] = {
        {"0", 0, 0},
        {"7f00DeadBeef", 0, 0x7f00deadbeef},
        {"0x10", 0, 16},
        {"0X10", 0, 16},
        {"ffffffffffffffff", 0, UINT64_MAX},
        {"10000000000000000", -ERANGE, 0},
        {"0x", -EINVAL, 0},
        {"0x0x1", -EINVAL, 0},
        {"g", -EINVAL, 0},
        {"", -EINVAL, 0},
        {"-1", -EINVAL, 0},
    };
    (void)state;
    check(parse_hex, examples, ELEMENTS_OF(examples));
}

static void signed_numbers(void **state)
{
    static const struct {
        const char *text;
        int r;
        int64_t value;
    } examples[] = {
        {"0", 0, 0},
        {"-0", 0, 0},
        {"-1", 0, -1},
        {"9223372036854775807", 0, INT64_MAX},
        {"9223372036854775808", -ERANGE, 0},
        {"-9223372036854775808", 0, INT64_MIN},
        {"-9223372036854775809", -ERANGE, 0},
        {"-", -EINVAL, 0},
        {"--1", -EINVAL, 0},
        {"- 1", -EINVAL, 0},
        {"", -EINVAL, 0},
        {"1.0", -EINVAL, 0},
    };
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(examples); i++) {
        int64_t value = 4711;
        assert_int_equal(parse_i64(examples[i].text, &value), examples[i].r);
        assert_true(value == (examples[i].r < 0 ? 4711 : examples[i].value));
    }
}

static void durations(void **state)
{
    static const struct example examples[] = {
        {"10", 0, 10000},
        {"1.5", 0, 1500},
        {"250ms", 0, 250},
        {"10s", 0, 10000},
        {"5m", 0, 300000},
        {"5min", 0, 300000},
        {"1h", 0, 3600000},
        {"0.5H", 0, 1800000},
        {"0", 0, 0},
        {"2.0ms", 0, 2},
        {"1.5ms", -EINVAL, 0},
        {"", -EINVAL, 0},
        {"s", -EINVAL, 0},
        {"1 s", -EINVAL, 0},
        {"1d", -EINVAL, 0},
        {"-1s", -EINVAL, 0},
        {"1.s", -EINVAL, 0},
        {".5s", -EINVAL, 0},
        {"1.5.5", -EINVAL, 0},
        {"1e3", -EINVAL, 0},
        {"18446744073709551615s", -ERANGE, 0},
        {"1.1234567890s", -ERANGE, 0},
    };
    (void)state;
    check(parse_duration_ms, examples, ELEMENTS_OF(examples));
}

static void sizes(void **state)
{
    static const struct example examples[] = {
        {"4096", 0, 4096},
        {"4096B", 0, 4096},
        {"64K", 0, 65536},
        {"64kib", 0, 65536},
        {"16M", 0, 16777216},
        {"2G", 0, 2147483648},
        {"1.5G", 0, 1610612736},
        {"1.123456789T", 0, 1235253802809},
        {"16777215T", 0, 16777215ull << 40},
        {"16777216T", -ERANGE, 0},
        {"1.5", -EINVAL, 0},
        {"1.0", 0, 1},
        {"K", -EINVAL, 0},
        {"1KB", -EINVAL, 0},
        {"1 K", -EINVAL, 0},
    };
    (void)state;
    check(parse_size, examples, ELEMENTS_OF(examples));
}

static void booleans(void **state)
{
    static const char *const yes[] = {"true", "TRUE", "1", "yes", "On"},
                             *const no[] = {"false", "0", "No", "OFF"}, *const neither[] = {"",      "2",
                                                                                            "y",     "truee",
                                                                                            " true", "10"};
    bool value = true;
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(no); i++) {
        value = true;
        assert_int_equal(parse_bool(no[i], &value), 0);
        assert_false(value);
    }
    for (size_t i = 0; i < ELEMENTS_OF(yes); i++) {
        value = false;
        assert_int_equal(parse_bool(yes[i], &value), 0);
        assert_true(value);
    }
    for (size_t i = 0; i < ELEMENTS_OF(neither); i++)
        assert_int_equal(parse_bool(neither[i], &value), -EINVAL);
    assert_true(value);
}

static void scanners_stop_at_the_end_and_stay_where_nothing_is(void **state)
{
    static const char text[] = "12 -34\tffG99999999999999999999";
    const char *at = text, *end = text + 2;
    uint64_t number = 0;
    int64_t negative = 0;
    (void)state;

    end = text + 1;
    assert_true(scan_u64(&at, end, &number));
    assert_int_equal(number, 1); /* not past the end given */
    assert_false(scan_u64(&at, end, &number));
    assert_false(scan_char(&at, end, '2'));
    end = text + strlen(text);
    assert_true(scan_u64(&at, end, &number));
    assert_int_equal(number, 2);
    assert_false(scan_i64(&at, end, &negative));
    scan_blanks(&at, end);
    assert_false(scan_u64(&at, end, &number));
    assert_true(scan_i64(&at, end, &negative));
    assert_int_equal(negative, -34);
    assert_true(scan_char(&at, end, '\t'));
    assert_true(scan_hex(&at, end, &number));
    assert_int_equal(number, 255);
    assert_true(scan_char(&at, end, 'G'));
    assert_false(scan_u64(&at, end, &number)); /* too large */
    assert_ptr_equal(at, strchr(text, 'G') + 1);
    assert_int_equal(number, 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsigned_numbers),
        cmocka_unit_test(hexadecimal_numbers),
        cmocka_unit_test(signed_numbers),
        cmocka_unit_test(durations),
        cmocka_unit_test(sizes),
        cmocka_unit_test(booleans),
        cmocka_unit_test(scanners_stop_at_the_end_and_stay_where_nothing_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
