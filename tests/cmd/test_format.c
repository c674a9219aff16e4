#include "cmd/exit_code.h"
#include "cmd/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void bytes_have_units(void **state)
{
    static const struct {
        int64_t bytes;
        const char *text;
    } cases[] = {{0, "0 B"},           {1023, "1023 B"},     {1024, "1.0 KiB"},      {1536, "1.5 KiB"},
                 {1048575, "1.0 MiB"}, {1048576, "1.0 MiB"}, {INT64_MAX, "8.0 EiB"}, {-1, ""}};
    char text[FORMAT_SIZE];
    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
        format_bytes(cases[i].bytes, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void time_spans_are_read(void **state)
{
    static const struct {
        const char *span, *text; /* NULL: no time span */
    } cases[] = {{"00:00:00", "0 s"},
                 {"00:00:00.0000010", "1 us"},
                 {"00:00:00.2500000", "250 ms"},
                 {"00:00:01.2300000", "1.23 s"},
                 {"00:05:12", "5m12s"},
                 {"23:59:59.9999999", "23h59m"},
                 {"3.04:00:00", "3d04h"},
                 {"10675199.02:48:05", NULL},
                 {"-00:00:01", NULL},
                 {"", NULL},
                 {"00:00", NULL},
                 {"00:00:61", NULL},
                 {"00:00:00.1", NULL},
                 {"00:00:00x", NULL},
                 {"99999999999999999999:00:00", NULL}};
    char text[FORMAT_SIZE];
    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
        assert_int_equal(format_time_span(cases[i].span, text), cases[i].text != NULL);
        if (cases[i].text)
            assert_string_equal(text, cases[i].text);
    }
}

static void dates_are_shortened(void **state)
{
    char text[FORMAT_SIZE];
    (void)state;
    format_date("2026-11-21T06:00:01.0000000Z", text);
    assert_string_equal(text, "2026-11-21 06:00:01 UTC");
    format_date("", text);
    assert_string_equal(text, "");
    format_date("yesterday", text);
    assert_string_equal(text, "yesterday");
}

/* docs/CLI.md promises these. */
static void exit_codes_are_stable(void **state)
{
    static const struct {
        int code, exit;
    } cases[] = {{0, 0},        {EIO, 1},    {ENOMEM, 1},   {EOPNOTSUPP, 1},
                 {EINVAL, 2},   {ESRCH, 3},  {ENOENT, 3},   {EACCES, 4},
                 {EPERM, 4},    {EBUSY, 5},  {EAGAIN, 8},   {CODE_UNREACHABLE, 6},
                 {CODE_CUT, 7}, {EUSERS, 8}, {ETIMEDOUT, 8}};
    static const struct {
        long status;
        int exit;
    } statuses[] = {{200, 0}, {204, 0}, {400, 2}, {401, 4}, {403, 4}, {404, 3}, {409, 5},
                    {429, 8}, {500, 1}, {501, 1}, {503, 8}, {504, 8}, {302, 1}, {0, 1}};
    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(cases); i++)
        assert_int_equal(exit_code_of(cases[i].code), cases[i].exit);
    for (size_t i = 0; i < ELEMENTS_OF(statuses); i++)
        assert_int_equal(exit_code_of(exit_errno_of_status(statuses[i].status)), statuses[i].exit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_have_units),
        cmocka_unit_test(time_spans_are_read),
        cmocka_unit_test(dates_are_shortened),
        cmocka_unit_test(exit_codes_are_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
