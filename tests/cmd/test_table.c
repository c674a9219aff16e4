#include "base/text.h"
#include "cmd/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct column columns[] = {{"PID", COLUMN_RIGHT, STYLE_KEY},
                                        {"NOTE", COLUMN_OPTIONAL, STYLE_PLAIN},
                                        {"NAME", COLUMN_CUT, STYLE_NAME}};

static void add(struct table *table, const char *pid, const char *note, const char *name)
{
    table_cell(table, pid);
    table_cell(table, note);
    table_cell(table, name);
}

static void assert_prints(const struct table *table, const struct terminal *terminal, bool header,
                          const char *expected)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(table_print(table, out, terminal, header), 0);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, expected);
    free(text);
}

static void columns_are_aligned(void **state)
{
    _cleanup_table_ struct table table = TABLE_INIT(columns);
    const struct terminal pipe = {0};
    (void)state;
    add(&table, "1", "x", "init");
    add(&table, "12345", "", "進程\n");
    assert_prints(&table, &pipe, true, "  PID  NOTE  NAME\n    1  x     init\n12345  -     進程\\n\n");
    assert_prints(&table, &pipe, false, "    1  x  init\n12345  -  進程\\n\n");
}

static void an_optional_column_without_values_is_left_out(void **state)
{
    _cleanup_table_ struct table table = TABLE_INIT(columns);
    const struct terminal pipe = {0};
    (void)state;
    add(&table, "1", NULL, "init");
    assert_prints(&table, &pipe, true, "PID  NAME\n  1  init\n");
}

static void lines_fit_the_terminal(void **state)
{
    _cleanup_table_ struct table table = TABLE_INIT(columns);
    struct terminal narrow = {.is_terminal = true, .columns = 20};
    (void)state;
    add(&table, "1", NULL, "a name that is far too long");
    assert_prints(&table, &narrow, false, "1  a name that is f…\n");
    narrow.columns = 10; /* even what may not be cut is */
    assert_prints(&table, &narrow, false, "1  a name…\n");
    narrow.columns = 0;
    assert_prints(&table, &narrow, false, "1  a name that is far too long\n");
}

static void a_wide_character_is_not_halved(void **state)
{
    _cleanup_table_ struct table table = TABLE_INIT(columns);
    const struct terminal narrow = {.is_terminal = true, .columns = 20};
    (void)state;
    add(&table, "1", NULL, "進程進程進程進程進程進程");
    assert_prints(&table, &narrow, false, "1  進程進程進程進程…\n");
}

static void colour_surrounds_the_text_only(void **state)
{
    _cleanup_table_ struct table table = TABLE_INIT(columns);
    const struct terminal colored = {.color = true};
    (void)state;
    add(&table, "1", NULL, "x");
    add(&table, "22", NULL, "y");
    assert_prints(&table, &colored, false,
                  " \033[36m1\033[0m  \033[1mx\033[0m\n\033[36m22\033[0m  \033[1my\033[0m\n");
}

static void no_rows_are_a_table_too(void **state)
{
    _cleanup_table_ struct table table = TABLE_INIT(columns);
    const struct terminal pipe = {0};
    (void)state;
    assert_prints(&table, &pipe, true, "PID  NAME\n");
    assert_prints(&table, &pipe, false, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_aligned),
        cmocka_unit_test(an_optional_column_without_values_is_left_out),
        cmocka_unit_test(lines_fit_the_terminal),
        cmocka_unit_test(a_wide_character_is_not_halved),
        cmocka_unit_test(colour_surrounds_the_text_only),
        cmocka_unit_test(no_rows_are_a_table_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
