/* Counters out of made-up streams: whatever their kinds say of their fields. */
#include "base/limits.h"

#include "runtime/dotnet_counters.h"

#include "dotnet_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

enum { OBJECT = 1, INT32 = 9, SINGLE = 13, DOUBLE = 14, TEXT = 18, UNKNOWN = 19 };

struct seen {
    size_t count;
    char text[512]; /* of the last */
    double value;
    bool is_rate;
};

static int see(void *to, const struct dotnet_counter *counter)
{
    struct seen *seen = to;

    seen->count++;
    seen->value = counter->value;
    seen->is_rate = counter->is_rate;
    (void)snprintf(seen->text, sizeof seen->text, "%s|%s|%s|%s|%s", counter->provider, counter->name,
                   counter->display_name, counter->unit, counter->metadata);
    return 0;
}

struct field {
    uint32_t type;
    const char *name;
};

/* One object of these fields, as .NET has it. */
static void put_counter_kind(struct buffer *events, uint32_t number, const char *event,
                             const struct field *fields, uint32_t count)
{
    _cleanup_buffer_ struct buffer payload = BUFFER_INIT(0);

    put32(&payload, number);
    put_text(&payload, "Known-Figures");
    put32(&payload, 0);
    put_text(&payload, event);
    put64(&payload, 0);
    put32(&payload, 0);
    put32(&payload, 0);
    put32(&payload, 1);
    put32(&payload, OBJECT);
    put32(&payload, count);
    for (uint32_t i = 0; i < count; i++) {
        put32(&payload, fields[i].type);
        put_text(&payload, fields[i].name);
    }
    put_text(&payload, "Payload");
    put_event(events, 0, 0, &payload);
}

static void put_double(struct buffer *out, double value)
{
    put(out, &value, sizeof value);
}

static void read_stream(const struct buffer *kinds, const struct buffer *values, struct seen *seen)
{
    _cleanup_dotnet_counters_ struct dotnet_counters counters = DOTNET_COUNTERS_INIT;
    _cleanup_dotnet_events_ struct dotnet_events events = {.bytes = BUFFER_INIT(LIMIT_DOTNET_BLOCK),
                                                           .take = dotnet_counters_take,
                                                           .learn = dotnet_counters_learn};
    _cleanup_buffer_ struct buffer stream = BUFFER_INIT(0);

    *seen = (struct seen){0};
    events.to = &counters;
    counters.take = see;
    counters.to = seen;
    put_beginning(&stream, 8);
    put_block(&stream, "MetadataBlock", kinds);
    put_block(&stream, "EventBlock", values);
    put8(&stream, 1);
    for (size_t i = 0; i < stream.size; i++)
        assert_int_equal(dotnet_events_feed(&events, stream.data + i, 1), 0);
    assert_true(events.is_whole);
}

static void test_fields_in_any_order(void **state)
{
    static const struct field fields[] = {
        {INT32, "Count"}, {TEXT, "DisplayUnits"},  {DOUBLE, "Increment"}, {TEXT, "Series"},
        {TEXT, "Name"},   {SINGLE, "IntervalSec"}, {TEXT, "DisplayName"}};
    _cleanup_buffer_ struct buffer kinds = BUFFER_INIT(0), values = BUFFER_INIT(0), one = BUFFER_INIT(0);
    struct seen seen;

    (void)state;
    put_counter_kind(&kinds, 3, "EventCounters", fields, ELEMENTS_OF(fields));
    put32(&one, 5);
    put_text(&one, "B");
    put_double(&one, 12.5);
    put_text(&one, "Interval=1000");
    put_text(&one, "steps");
    put32(&one, 0);
    put_text(&one, "Steps");
    put_event(&values, 3, 1, &one);
    put_event(&values, 4, 1, &one); /* of no kind */
    one.size -= 2;
    put_event(&values, 3, 1, &one); /* too short */
    read_stream(&kinds, &values, &seen);
    assert_int_equal(seen.count, 1);
    assert_true(seen.is_rate && seen.value == 12.5);
    assert_string_equal(seen.text, "Known-Figures|steps|Steps|B|");
}

static void test_a_mean_that_is_no_number(void **state)
{
    static const struct field fields[] = {{TEXT, "Name"}, {DOUBLE, "Mean"}, {TEXT, "Metadata"}};
    _cleanup_buffer_ struct buffer kinds = BUFFER_INIT(0), values = BUFFER_INIT(0), one = BUFFER_INIT(0);
    struct seen seen;

    (void)state;
    put_counter_kind(&kinds, 1, "EventCounters", fields, ELEMENTS_OF(fields));
    put_text(&one, "answer");
    put_double(&one, NAN);
    put_text(&one, "key:value");
    put_event(&values, 1, 1, &one);
    read_stream(&kinds, &values, &seen);
    assert_int_equal(seen.count, 1);
    assert_true(!seen.is_rate && seen.value == 0);
    assert_string_equal(seen.text, "Known-Figures|answer|||key:value");
}

static void test_what_is_no_counter(void **state)
{
    static const struct field good[] = {{TEXT, "Name"}, {DOUBLE, "Mean"}}, odd[] = {{UNKNOWN, "Name"}},
                              mistyped[] = {{INT32, "Name"}, {DOUBLE, "Mean"}},
                              single[] = {{TEXT, "Name"}, {SINGLE, "Mean"}};
    _cleanup_buffer_ struct buffer kinds = BUFFER_INIT(0), values = BUFFER_INIT(0), one = BUFFER_INIT(0);
    struct seen seen;

    (void)state;
    put_counter_kind(&kinds, 1, "Something", good, ELEMENTS_OF(good));
    put_counter_kind(&kinds, 2, "EventCounters", odd, ELEMENTS_OF(odd));
    put_counter_kind(&kinds, 3, "EventCounters", mistyped, ELEMENTS_OF(mistyped));
    put_counter_kind(&kinds, 4, "EventCounters", single, ELEMENTS_OF(single));
    put_counter_kind(&kinds, 5, "EventCounters", good, ELEMENTS_OF(good));
    put_counter_kind(&kinds, 5, "Something", good, ELEMENTS_OF(good)); /* it is none any more */
    put_text(&one, "n");
    put_double(&one, 1);
    for (uint32_t form = 1; form <= 5; form++)
        put_event(&values, form, 1, &one);
    read_stream(&kinds, &values, &seen);
    assert_int_equal(seen.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_in_any_order),
        cmocka_unit_test(test_a_mean_that_is_no_number),
        cmocka_unit_test(test_what_is_no_counter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
