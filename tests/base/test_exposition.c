#include "base/exposition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void labels_are_escaped(void **state)
{
    const struct exposition_label labels[] = {{"a", "\\ \" \n"}, {"b", ""}, {0}};
    _cleanup_buffer_ struct buffer text = {0};
    struct exposition exposition = {.out = &text};
    (void)state;

    exposition_family(&exposition, "x_total", "counter", "Help.");
    exposition_count(&exposition, "x_total", labels, UINT64_MAX);
    exposition_double(&exposition, "y", NULL, 0.25);
    assert_int_equal(exposition.error, 0);
    assert_string_equal(text.data, "# HELP x_total Help.\n# TYPE x_total counter\n"
                                   "x_total{a=\"\\\\ \\\" \\n\",b=\"\"} 18446744073709551615\ny 0.25\n");
}

static void histograms_are_cumulative(void **state)
{
    const struct exposition_label labels[] = {{"a", "b"}, {0}};
    _cleanup_buffer_ struct buffer text = {0};
    struct exposition exposition = {.out = &text};
    struct histogram histogram = {0};
    (void)state;

    histogram_add(&histogram, histogram_latency, 1000000); /* just within the first */
    histogram_add(&histogram, histogram_latency, 1000001);
    histogram_add(&histogram, histogram_latency, 59000000000);
    histogram_add(&histogram, histogram_latency, 61000000000);
    assert_int_equal(histogram_total(&histogram), 4);
    exposition_histogram(&exposition, "h", labels, histogram_latency, &histogram);
    assert_int_equal(exposition.error, 0);
    assert_non_null(
        strstr(text.data, "h_bucket{a=\"b\",le=\"0.001\"} 1\nh_bucket{a=\"b\",le=\"0.0025\"} 2\n"));
    assert_non_null(strstr(
        text.data, "h_bucket{a=\"b\",le=\"30\"} 2\nh_bucket{a=\"b\",le=\"60\"} 3\n"
                   "h_bucket{a=\"b\",le=\"+Inf\"} 4\nh_sum{a=\"b\"} 120.002000001\nh_count{a=\"b\"} 4\n"));
    buffer_clear(&text);
    exposition_histogram(&exposition, "h", NULL, histogram_pause, &histogram);
    assert_non_null(strstr(text.data, "h_bucket{le=\"5e-05\"} 1\n"));
}

static void what_does_not_fit_is_an_error(void **state)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(20);
    struct exposition exposition = {.out = &text};
    (void)state;

    exposition_count(&exposition, "a_name_that_is_too_long", NULL, 1);
    assert_true(exposition.error < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_are_escaped),
        cmocka_unit_test(histograms_are_cumulative),
        cmocka_unit_test(what_does_not_fit_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
