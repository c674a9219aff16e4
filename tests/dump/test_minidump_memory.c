/* Which memory goes into a dump, and what happens where it can't be read or written. */
#include "file_reader.h"
#include "made_up.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

static struct made_up made;

static int set_up(void **state)
{
    (void)state;
    made_up_init(&made, false);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    made_up_release(&made);
    return 0;
}

static int try_dump(uint32_t type, struct buffer *file, struct error *error)
{
    struct minidump *minidump;
    struct sink *sink;
    int r = minidump_plan(&made.capture, &made.memory, type, &minidump, NULL, error);

    if (r < 0)
        return r;
    assert_int_equal(sink_memory_new(file, &sink), 0);
    r = minidump_write(minidump, sink, error);
    sink_free(sink);
    minidump_free(minidump);
    return r;
}

static struct buffer write_dump(uint32_t type)
{
    struct buffer file = BUFFER_INIT(1 << 28);
    struct error error = {0};

    assert_int_equal(try_dump(type, &file, &error), 0);
    return file;
}

/* The place of an address's bytes by way of Memory64List, 0 if they are not in. */
static uint64_t find_memory(const struct buffer *file, uint64_t address)
{
    uint32_t list = stream_at(file, 9, NULL);
    uint64_t at = u64_at(file, list + 8);

    for (uint64_t i = 0; i < u64_at(file, list); i++) {
        uint64_t start = u64_at(file, list + 16 + i * 16), size = u64_at(file, list + 24 + i * 16);

        if (address >= start && address - start < size)
            return at + (address - start);
        at += size;
    }
    return 0;
}

static void assert_memory(const struct buffer *file, uint64_t address, bool wanted)
{
    uint64_t at = find_memory(file, address);

    assert_int_equal(at != 0, wanted);
    if (at)
        assert_true(u64_at(file, at) == made_up_word(address));
}

static void full_memory_has_all_but_devices(void **state)
{
    _cleanup_buffer_ struct buffer file = write_dump(2);
    uint32_t list = stream_at(&file, 9, NULL);
    uint64_t end = u64_at(&file, list + 8);

    (void)state;
    assert_memory(&file, 0x400000, true);
    assert_memory(&file, 0x402ff8, true);
    assert_memory(&file, 0x405ff8, true);
    assert_memory(&file, 0x500000, true);
    assert_memory(&file, 0x5ffff8, true);
    assert_memory(&file, 0x700000001ff8, true);
    assert_memory(&file, 0x710000000000, false); /* a graphics card */
    assert_memory(&file, 0x720000000000, true);  /* shared memory */
    assert_memory(&file, 0x730000000000, false); /* guard */
    assert_memory(&file, 0x730000001000, true);
    assert_memory(&file, 0x7fff10000000, false); /* vvar */
    assert_memory(&file, 0x7fff10004000, true);  /* vdso */
    assert_memory(&file, 0xffffffffff600000, false);
    for (uint64_t i = 0; i < u64_at(&file, list); i++)
        end += u64_at(&file, list + 24 + i * 16);
    assert_int_equal(end, file.size); /* its bytes come last */
    /* neighbours are one range */
    assert_int_equal(u64_at(&file, list + 16), 0x400000);
    assert_int_equal(u64_at(&file, list + 24), 0x6000);
    /* Breakpad does not know Memory64List: the stacks are in MemoryList too */
    assert_int_equal(u32_at(&file, stream_at(&file, 5, NULL)), 2);
}

static void what_each_bit_adds(void **state)
{
    static const struct {
        uint32_t type;
        uint64_t in, out;
    } cases[] = {
        {0x1, 0x403000, 0x500000},               /* data of a file, no heap */
        {0x1, 0x404000, 0x720000000000},         /* its .bss, nothing shared */
        {0x200, 0x500000, 0x401000},             /* private and writable, no code */
        {0x200, 0x730000040000, 0x400000},       /* anonymous too */
        {0x200, 0x729000001000, 0x720000000000}, /* of shared memory what is .NET's own */
        {0x200, 0x728000000000, 0x728000001000}, /* which assembly it is */
        {0x2000, 0x401000, 0x400000},            /* code only */
        {0x10000, 0x403000, 0x404000},           /* what a file's copy was written in */
        {0x80000, 0x400000, 0x401000},           /* one page of each module */
        {0x80000, 0x700000000000, 0x403000},
#if defined(__x86_64__)
        {0x100, 0x730000040000, 0x730000001000}, /* the pages around the thread's own data */
        {0x100, 0x73000003f000, 0x500000},
#endif
    };

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
        _cleanup_buffer_ struct buffer file = write_dump(cases[i].type);

        assert_true(minidump_reads_memory(cases[i].type));
        assert_memory(&file, cases[i].in, true);
        assert_memory(&file, cases[i].out, false);
    }
}

static void pages_that_stacks_point_to(void **state)
{
    uint64_t words[MADE_UP_PAGE / 8] = {0x500010, 0x401000, 0x730000000000, 7};

    (void)state;
    made.capture.threads[0].stack = (const uint8_t *)words;
    made.capture.threads[0].stack_size = sizeof words;
    {
        _cleanup_buffer_ struct buffer file = write_dump(0x40);
        assert_memory(&file, 0x500000, true);
        assert_memory(&file, 0x501000, false);
        assert_memory(&file, 0x401000, false); /* code comes from the file */
        assert_memory(&file, 0x730000000000, false);
        assert_memory(&file, 0x7fff0001e000, true); /* the stack pointer points there */
    }
    {
        /* and the modules that they lead to: the program, whose code everybody runs */
        _cleanup_buffer_ struct buffer file = write_dump(0x10);
        assert_int_equal(u32_at(&file, stream_at(&file, 4, NULL)), 1);
    }
}

static void filtered_stacks_hold_pointers_only(void **state)
{
    uint64_t words[MADE_UP_PAGE / 8] = {0x500010, 0x6e6f692e65746973, 0x401010, 7};

    (void)state;
    made.capture.threads[0].stack = (const uint8_t *)words;
    made.capture.threads[0].stack_size = sizeof words;
    for (unsigned i = 0; i < 2; i++) {
        _cleanup_buffer_ struct buffer file = write_dump(i ? 0x100000 : 0x8);
        uint32_t stack = u32_at(&file, stream_at(&file, 3, NULL) + 4 + 36);

        assert_int_equal(u64_at(&file, stack), 0x500010);
        assert_int_equal(u64_at(&file, stack + 8), 0);
        assert_int_equal(u64_at(&file, stack + 16), 0x401010);
        assert_int_equal(u64_at(&file, stack + 24), 0);
    }
}

static void untouched_memory_stays_out(void **state)
{
    struct range ranges[] = {{0x510000, 0x511000}, {0x5ff000, 0x730000002000}};

    (void)state;
    made.capture.present = (struct range_list){.items = ranges, .count = 2};
    made.capture.present_known = true;
    {
        _cleanup_buffer_ struct buffer file = write_dump(2);
        made.capture.present = (struct range_list){0};
        assert_memory(&file, 0x500000, false);
        assert_memory(&file, 0x510000, true);
        assert_memory(&file, 0x511000, false);
        assert_memory(&file, 0x5ff000, true);
        assert_memory(&file, 0x400000, true); /* of files all goes in */
        assert_memory(&file, 0x720000000000, true);
        assert_memory(&file, 0x730000001000, true);
        assert_memory(&file, 0x730000002000, false);
        assert_memory(&file, 0x7fff10004000, true);
    }
}

static void an_unreadable_page_is_zeros(void **state)
{
    (void)state;
    made.unreadable = 0x510000;
    {
        _cleanup_buffer_ struct buffer file = write_dump(2);
        uint64_t at = find_memory(&file, 0x510000);

        for (unsigned i = 0; i < MADE_UP_PAGE; i += 8)
            assert_int_equal(u64_at(&file, at + i), 0);
        assert_memory(&file, 0x50fff8, true);
        assert_memory(&file, 0x511000, true);
    }
}

static void failures_end_the_dump(void **state)
{
    struct buffer file = BUFFER_INIT(1 << 28);
    struct error error = {0};
    struct minidump *minidump = NULL;
    uint32_t ignored = 7;

    (void)state;
    file.limit = 5000;
    assert_int_equal(try_dump(2, &file, &error), -EFBIG);
    buffer_release(&file);
    file.limit = 1 << 28;
    made.gone = true;
    assert_int_equal(try_dump(2, &file, &error), -ESRCH);
    assert_non_null(strstr(error.text, "ended"));
    buffer_release(&file);
    made.gone = false;

    assert_int_equal(minidump_plan(&made.capture, &made.memory, 0x2000000, &minidump, &ignored, &error),
                     -EINVAL);
    assert_int_equal(ignored, 7);
    assert_int_equal(minidump_plan(&made.capture, NULL, 2, &minidump, &ignored, &error), -EINVAL);
    made.capture.threads[0].stack_start = 0x7fff00000000;
    made.capture.threads[0].stack_size = 0xfffff000;
    assert_int_equal(minidump_plan(&made.capture, &made.memory, 0, &minidump, &ignored, &error), -EFBIG);
    assert_null(minidump);
}

static void bits_without_effect_are_named(void **state)
{
    struct minidump *minidump = NULL;
    uint32_t ignored = 7;

    (void)state;
    assert_int_equal(
        minidump_plan(&made.capture, &made.memory, MINIDUMP_TYPE_VALID, &minidump, &ignored, NULL), 0);
    assert_int_equal(ignored, 0x600000);
    minidump_free(minidump);
    assert_int_equal(minidump_plan(&made.capture, NULL, 0, &minidump, &ignored, NULL), 0);
    assert_int_equal(ignored, 0);
    minidump_free(minidump);
}

/* A process whose threads all died just now, with nothing mapped: still a file that can be read. */
static void an_empty_capture_is_a_dump(void **state)
{
    (void)state;
    capture_release(&made.capture);
    made.capture.page_size = MADE_UP_PAGE;
    {
        _cleanup_buffer_ struct buffer file = write_dump(0x1fffff);
        assert_int_equal(stream_at(&file, 6, NULL), 0);
        assert_int_equal(u32_at(&file, stream_at(&file, 3, NULL)), 0);
    }
}

struct moment {
    struct sink *sink;
    uint64_t written; /* then */
    unsigned calls;
};

static void note_moment(void *data)
{
    struct moment *moment = data;

    moment->written = moment->sink->written;
    moment->calls++;
}

/* The held process is let go before the last bytes go out, which its reader may be slow to take. */
static void memory_is_done_before_the_last_bytes_go_out(void **state)
{
    _cleanup_buffer_ struct buffer file = BUFFER_INIT(1 << 28);
    struct moment moment = {0};
    struct minidump *minidump;

    (void)state;
    assert_int_equal(minidump_plan(&made.capture, &made.memory, 2, &minidump, NULL, NULL), 0);
    assert_int_equal(sink_memory_new(&file, &moment.sink), 0);
    minidump_when_read(minidump, note_moment, &moment);
    assert_int_equal(minidump_write(minidump, moment.sink, NULL), 0);
    assert_int_equal(moment.calls, 1);
    assert_int_equal(moment.sink->written, minidump_size(minidump));
    assert_true(moment.written < minidump_size(minidump));
    sink_free(moment.sink);
    minidump_free(minidump);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(full_memory_has_all_but_devices, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_each_bit_adds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pages_that_stacks_point_to, set_up, tear_down),
        cmocka_unit_test_setup_teardown(filtered_stacks_hold_pointers_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(untouched_memory_stays_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unreadable_page_is_zeros, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failures_end_the_dump, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bits_without_effect_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_is_done_before_the_last_bytes_go_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_capture_is_a_dump, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
