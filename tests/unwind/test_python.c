#include "fake_python.h"
#include "unwind/python_code.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

static struct fake_python fake;

/* What is read of the fake, as "function:line,function:line|..." with a bar between runs. */
static const char *functions(pid_t only)
{
    static char text[4096];
    const struct capture capture = {0};
    const struct python_run *runs;
    struct python *python = python_new(only);
    struct memory *memory;
    size_t count, used = 0;

    assert_non_null(python);
    assert_int_equal(memory_bytes_new(FAKE_BASE, fake.bytes, sizeof fake.bytes, &memory), 0);
    python->place = fake.place;
    assert_int_equal(python_read(python, &capture, memory), 0);
    count = python_runs(python, 0, UINT64_MAX, &runs);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < runs[i].count && used < sizeof text - 64; j++) {
            const struct python_frame *frame = &python_run_frames(python, &runs[i])[j];

            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s:%u",
                                     j   ? ","
                                     : i ? "|"
                                         : "",
                                     frame->function, frame->line);
        }
    memory_free(memory);
    python_free(python);
    return text;
}

static void test_every_version(void **state)
{
    (void)state;
    for (unsigned minor = PYTHON_OLDEST; minor <= PYTHON_NEWEST; minor++) {
        fake_python_make(&fake, minor);
        assert_string_equal(functions(0), "inner:12,Class.middle:20|outer:3");
        assert_string_equal(functions(FAKE_THREAD), "inner:12,Class.middle:20|outer:3");
        assert_string_equal(functions(FAKE_THREAD + 1), "");
    }
}

static void test_marks(void **state)
{
    const struct capture capture = {0};
    struct python *python = python_new(0);
    const struct python_run *runs;
    struct memory *memory;

    (void)state;
    fake_python_make(&fake, 12);
    assert_int_equal(memory_bytes_new(FAKE_BASE, fake.bytes, sizeof fake.bytes, &memory), 0);
    python->place = fake.place;
    for (int again = 0; again < 2; again++) {
        assert_int_equal(python_read(python, &capture, memory), 0);
        assert_int_equal(python_runs(python, 0, FAKE_INNER_MARK, &runs), 0);
        assert_int_equal(python_runs(python, FAKE_INNER_MARK, FAKE_INNER_MARK + 1, &runs), 1);
        assert_int_equal(runs[0].count, 2);
        assert_string_equal(python_run_frames(python, runs)[1].file, "made-up.py");
        assert_true(python_run_is_of(python, runs, FAKE_THREAD));
        assert_false(python_run_is_of(python, runs, FAKE_THREAD + 1));
        assert_int_equal(python_runs(python, FAKE_INNER_MARK + 1, UINT64_MAX, &runs), 1);
        assert_int_equal(runs[0].mark, FAKE_OUTER_MARK);
        assert_int_equal(python_runs(python, FAKE_OUTER_MARK + 1, UINT64_MAX, &runs), 0);
    }
    memory_free(memory);
    python_free(python);
}

/* Whatever does not fit ends what is shown, at the run that it is in. */
static void test_what_does_not_fit(void **state)
{
    const char *const inner_alone = "inner:12,Class.middle:20";

    (void)state;
    for (unsigned minor = PYTHON_OLDEST; minor <= PYTHON_NEWEST; minor++) {
        const struct python_layout *layout = &fake.layout;

        fake_python_make(&fake, minor);
        fake_python_put_u64(&fake, fake.inner_code + layout->object_type, fake.place.text_type);
        assert_string_equal(functions(0), ""); /* no code object */

        fake_python_make(&fake, minor);
        fake_python_put_u64(&fake, fake.inner + layout->frame_code, 0);
        assert_string_equal(functions(0), "");

        fake_python_make(&fake, minor);
        fake_python_put_u64(&fake, fake.inner_name + layout->object_type, fake.place.code_type);
        assert_string_equal(functions(0), ""); /* the name is none */

        fake_python_make(&fake, minor);
        fake_python_put_u64(&fake, fake.inner_name + layout->text_length, UINT64_MAX / 2);
        assert_string_equal(functions(0), "");

        fake_python_make(&fake, minor);
        fake_python_put_u64(&fake, fake.outer + layout->frame_code, fake.inner_name);
        assert_string_equal(functions(0), inner_alone);

        fake_python_make(&fake, minor); /* an instruction of another function */
        fake_python_put_u64(&fake, fake.outer + layout->frame_instruction,
                            fake.inner_code + layout->code_bytes);
        assert_string_equal(functions(0), inner_alone);

        fake_python_make(&fake, minor); /* for ever in a circle */
        fake_python_put_u64(&fake, fake.middle + layout->frame_previous, fake.inner);
        if (!layout->frame_is_entry)
            assert_string_equal(functions(0), "");

        fake_python_make(&fake, minor); /* threads likewise */
        fake_python_put_u64(&fake, fake.thread + layout->thread_next, fake.thread);
        assert_non_null(strstr(functions(0), inner_alone));

        fake_python_make(&fake, minor); /* another version than the file's */
        fake.place.minor = minor == 13 ? 14 : 13;
        assert_string_equal(functions(0), "");
    }
}

static void test_lines_that_do_not_fit(void **state)
{
    (void)state;
    fake_python_make(&fake, 11);
    fake_python_put_u64(&fake, fake.inner_lines + fake.layout.object_type, 0);
    assert_string_equal(functions(0), "inner:0,Class.middle:20|outer:3");
    fake_python_make(&fake, 11);
    fake_python_put_u64(&fake, fake.inner_lines + fake.layout.object_count, UINT64_MAX);
    assert_string_equal(functions(0), "inner:0,Class.middle:20|outer:3");
}

/* 3.11 and 3.12: memory of frames that is not in use, and what is being set up. */
static void test_stale_frames(void **state)
{
    (void)state;
    for (unsigned minor = 11; minor <= 12; minor++) {
        fake_python_make(&fake, minor);
        fake_python_put_u64(&fake, fake.thread + fake.layout.thread_stack + 8, fake.inner);
        fake_python_put_u64(&fake, fake.thread + fake.layout.thread_stack + 16, fake.middle);
        assert_string_equal(functions(0), "");
    }
    fake_python_make(&fake, 11);
    fake_python_put_u64(&fake, FAKE_OUTER_MARK + fake.layout.c_frame_current, fake.middle);
    assert_string_equal(functions(0), "");
}

static void test_what_is_told(void **state)
{
    struct python_layout layout;
    struct memory *memory;

    (void)state;
    fake_python_make(&fake, 13);
    assert_int_equal(memory_bytes_new(FAKE_BASE, fake.bytes, sizeof fake.bytes, &memory), 0);
    assert_int_equal(python_layout_told(memory, fake.place.runtime, &layout), 0);
    assert_int_equal(layout.minor, 13);
    assert_int_equal(python_layout_told(memory, fake.place.runtime + 8, &layout), -2 /* ENOENT */);
    for (size_t i = 1; i < 71; i++) { /* none that is used may be anything */
        uint64_t old;

        memcpy(&old, fake.bytes + (fake.place.runtime - FAKE_BASE) + i * 8, sizeof old);
        if (old == 0)
            continue;
        fake_python_put_u64(&fake, fake.place.runtime + i * 8, UINT64_MAX - 7);
        if (python_layout_told(memory, fake.place.runtime, &layout) == 0)
            assert_true(i == 3 || i == 22 || i == 32 || i == 36); /* sizes and members that are not used */
        fake_python_put_u64(&fake, fake.place.runtime + i * 8, old);
    }
    memory_free(memory);
}

static unsigned line_at(const char *table, size_t size, uint64_t offset)
{
    size_t steps = 100;

    return python_line((const uint8_t *)table, size, 10, offset, &steps);
}

/* Many frames that share one large table are many reads of it, while the process is held. */
static void test_bytes_that_are_read(void **state)
{
    const uint64_t table = 8, names = sizeof "inner" - 1 + sizeof "made-up.py" - 1; /* as the fake has them */
    uint64_t instruction;
    struct python_frame frame;
    struct memory *memory;

    (void)state;
    fake_python_make(&fake, 12);
    instruction = fake.inner_code + fake.layout.code_bytes;
    assert_int_equal(memory_bytes_new(FAKE_BASE, fake.bytes, sizeof fake.bytes, &memory), 0);
    for (size_t bytes = 0; bytes <= names + 2 * table; bytes++) {
        struct python_codes codes = {.memory = memory,
                                     .layout = &fake.layout,
                                     .code_type = fake.place.code_type,
                                     .text_type = fake.place.text_type,
                                     .bytes_type = fake.place.bytes_type,
                                     .strings = string_pool_new(1024),
                                     .steps = 100,
                                     .bytes = bytes};
        bool has_function = bytes >= sizeof "inner" - 1;

        assert_int_equal(python_code_find(&codes, fake.inner_code, instruction, &frame),
                         has_function ? 0 : -EINVAL);
        if (bytes >= names) {
            assert_string_equal(frame.file, "made-up.py");
            assert_int_equal(frame.line, bytes >= names + table ? 11 : 0);
            assert_int_equal(python_code_find(&codes, fake.inner_code, instruction + 4, &frame), 0);
            assert_int_equal(frame.line, bytes >= names + 2 * table ? 12 : 0);
        }
        string_pool_free(codes.strings);
        python_codes_release(&codes);
    }
    memory_free(memory);
}

static void test_location_table(void **state)
{
    /* short form, one line further, no columns one back, long form 100 further, no location */
    static const char table[] = "\x80\x12\xd9\x01\x02\xe8\x03\xf1\x48\x03\x00\x01\x01\xf8";
    size_t size = sizeof table - 1, steps = 2;

    (void)state;
    assert_int_equal(line_at(table, size, 0), 10);
    assert_int_equal(line_at(table, size, 2), 11);
    assert_int_equal(line_at(table, size, 4), 11);
    assert_int_equal(line_at(table, size, 6), 10);
    assert_int_equal(line_at(table, size, 8), 110);
    assert_int_equal(line_at(table, size, 12), 0);
    assert_int_equal(line_at(table, size, 14), 0);
    assert_int_equal(line_at(table, 0, 0), 0);
    assert_int_equal(line_at("\x01", 1, 0), 0);
    assert_int_equal(line_at("\xe8\xff\xff\xff\xff\xff\xff\xff", 8, 0), 0);
    assert_int_equal(python_line((const uint8_t *)table, size, 10, 8, &steps), 0);
    assert_int_equal(steps, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_version),     cmocka_unit_test(test_marks),
        cmocka_unit_test(test_what_does_not_fit), cmocka_unit_test(test_lines_that_do_not_fit),
        cmocka_unit_test(test_stale_frames),      cmocka_unit_test(test_what_is_told),
        cmocka_unit_test(test_location_table),    cmocka_unit_test(test_bytes_that_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
