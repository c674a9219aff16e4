/* Performance data of HotSpot, whole and cut, and what is none. */
#include "runtime/hotspot_data.h"

#include "hotspot_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>

static void fill(struct buffer *file)
{
    put_prologue(file);
    put_number(file, "sun.gc.collector.0.invocations", 1234567890123);
    put_string(file, "sun.gc.collector.0.name", "PSScavenge");
    put_number(file, "java.threads.live", -1);
}

static void figures_by_name(void **state)
{
    _cleanup_buffer_ struct buffer file = BUFFER_INIT(0);
    struct hotspot_data data = HOTSPOT_DATA_INIT;
    char text[32], little[4];
    int64_t value = 0;

    (void)state;
    fill(&file);
    data.bytes = file.data;
    data.size = file.size;
    assert_int_equal(hotspot_data_number(&data, "sun.gc.collector.0.invocations", &value), 0);
    assert_true(value == 1234567890123);
    assert_int_equal(hotspot_data_number(&data, "java.threads.live", &value), 0);
    assert_true(value == -1);
    assert_int_equal(hotspot_data_text(&data, "sun.gc.collector.0.name", text, sizeof text), 0);
    assert_string_equal(text, "PSScavenge");
    assert_int_equal(hotspot_data_text(&data, "sun.gc.collector.0.name", little, sizeof little), 0);
    assert_string_equal(little, "PSS");
    assert_int_equal(hotspot_data_number(&data, "sun.gc.collector.0.name", &value), -ENOENT);
    assert_int_equal(hotspot_data_text(&data, "java.threads.live", text, sizeof text), -ENOENT);
    assert_int_equal(hotspot_data_number(&data, "java.threads", &value), -ENOENT);
}

/* Under a sanitizer nothing is read behind it, wherever it ends. */
static void cut_anywhere(void **state)
{
    _cleanup_buffer_ struct buffer file = BUFFER_INIT(0);
    char text[32];
    int64_t value;

    (void)state;
    fill(&file);
    for (size_t size = 0; size < file.size; size++) {
        struct hotspot_data data = {.fd = -1, .bytes = malloc(size ? size : 1), .size = size};

        assert_non_null(data.bytes);
        memcpy(data.bytes, file.data, size);
        assert_int_equal(hotspot_data_number(&data, "java.threads.live", &value), -ENOENT);
        (void)!hotspot_data_text(&data, "sun.gc.collector.0.name", text, sizeof text);
        hotspot_data_release(&data);
    }
}

static void offsets_that_lead_out(void **state)
{
    _cleanup_buffer_ struct buffer file = BUFFER_INIT(0);
    struct hotspot_data data = HOTSPOT_DATA_INIT;
    const uint32_t far = UINT32_MAX - 3;
    int64_t value;

    (void)state;
    fill(&file);
    data.bytes = file.data;
    data.size = file.size;
    memcpy(file.data + 32 + 16, &far, sizeof far); /* of the first value */
    assert_int_equal(hotspot_data_number(&data, "sun.gc.collector.0.invocations", &value), -ENOENT);
    memcpy(file.data + 32 + 4, &far, sizeof far); /* of its name: the others are found all the same */
    assert_int_equal(hotspot_data_number(&data, "java.threads.live", &value), 0);
    memcpy(file.data + 32, &far, sizeof far); /* of the next entry */
    assert_int_equal(hotspot_data_number(&data, "java.threads.live", &value), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_by_name),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(offsets_that_lead_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
