/* What stands in the file: dumps of a made-up process, read by the format's own offsets. */
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
    made_up_init(&made, true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    made_up_release(&made);
    return 0;
}

static struct buffer write_dump(uint32_t type)
{
    struct buffer file = BUFFER_INIT(1 << 28);
    struct minidump *minidump;
    struct error error = {0};
    struct sink *sink;

    assert_int_equal(minidump_plan(&made.capture, &made.memory, type, &minidump, NULL, &error), 0);
    assert_int_equal(sink_memory_new(&file, &sink), 0);
    assert_int_equal(minidump_write(minidump, sink, &error), 0);
    assert_int_equal(file.size, minidump_size(minidump));
    sink_free(sink);
    minidump_free(minidump);
    return file;
}

/* Header, directory, and for every bit alone and some together: the size is as planned, no two streams share
 * a byte, all lie inside. */
static void every_type_is_whole(void **state)
{
    static const uint32_t more[] = {0, MINIDUMP_TYPE_VALID, 0x1806, 0x121};

    (void)state;
    for (unsigned i = 0; i < 25 + ELEMENTS_OF(more); i++) {
        uint32_t type = i < 25 ? 1u << i : more[i - 25];
        _cleanup_buffer_ struct buffer file = write_dump(type);
        _cleanup_free_ uint8_t *taken = calloc(1, file.size);
        uint32_t count = u32_at(&file, 8), directory = u32_at(&file, 12);

        assert_memory_equal(file.data, "MDMP", 4);
        assert_int_equal(u32_at(&file, 4) & 0xffff, 0xa793);
        assert_int_equal(u32_at(&file, 20), 1700000001);
        assert_int_equal(u64_at(&file, 24), type);
        memset(taken, 1, directory + count * 12);
        for (uint32_t s = 0; s < count; s++) {
            uint32_t size = u32_at(&file, directory + s * 12 + 4), at = u32_at(&file, directory + s * 12 + 8);

            assert_true(u32_at(&file, directory + s * 12) != 0);
            assert_true((uint64_t)at + size <= file.size);
            for (uint32_t byte = at; byte < at + size; byte++)
                assert_false(taken[byte]++);
        }
    }
}

static void threads_have_registers_and_stacks(void **state)
{
    _cleanup_buffer_ struct buffer file = write_dump(0);
    uint32_t list = stream_at(&file, 3, NULL), names = stream_at(&file, 24, NULL);

    (void)state;
    assert_int_equal(u32_at(&file, list), MADE_UP_THREADS);
    assert_int_equal(u32_at(&file, names), MADE_UP_THREADS);
    for (uint32_t i = 0; i < MADE_UP_THREADS; i++) {
        const struct capture_thread *thread = &made.capture.threads[i];
        uint32_t entry = list + 4 + i * 48;
        uint32_t size = u32_at(&file, entry + 32), stack = u32_at(&file, entry + 36);
        uint32_t context = u32_at(&file, entry + 44);

        assert_int_equal(u32_at(&file, entry), 100 + i);
        assert_int_equal(u64_at(&file, entry + 24), thread->stack_start);
        assert_int_equal(size, thread->stack_size);
        for (uint32_t at = 0; at < size; at += 8)
            assert_true(u64_at(&file, stack + at) == made_up_word(thread->stack_start + at));
#if defined(__x86_64__)
        assert_int_equal(u32_at(&file, entry + 40), 1232);
        assert_int_equal(u32_at(&file, context + 0x30), 0x10000f);
        assert_int_equal(u32_at(&file, context + 0x34), 0x1fa0);
        assert_int_equal(u16_at(&file, context + 0x38), 0x33);
        assert_int_equal(u16_at(&file, context + 0x42), 0x2b);
        assert_int_equal(u32_at(&file, context + 0x44), 0x246);
        assert_int_equal(u64_at(&file, context + 0x78), 0x1111);
        assert_int_equal(u64_at(&file, context + 0x90), 0x4444);
        assert_int_equal(u64_at(&file, context + 0x98),
                         thread->stack_start ? thread->stack_start + 0x200 : 0x1234);
        assert_int_equal(u64_at(&file, context + 0xf0), 0x5555);
        assert_int_equal(u64_at(&file, context + 0xf8), 0x401000 + i * 16);
        assert_int_equal(u32_at(&file, context + 0x100 + 24), 0x1fa0);
        assert_int_equal(u32_at(&file, context + 0x1a0), 0xabcdef);
#else
        assert_int_equal(u64_at(&file, context + 8 + 32 * 8), 0x401000 + i * 16);
#endif
        assert_int_equal(u32_at(&file, names + 4 + i * 12), 100 + i);
    }
}

/* Breakpad refuses a list whose regions overlap. */
static void overlapping_stacks_are_one_region(void **state)
{
    _cleanup_buffer_ struct buffer file = write_dump(0);
    uint32_t list = stream_at(&file, 5, NULL);

    (void)state;
    assert_int_equal(u32_at(&file, list), 2);
    assert_int_equal(u64_at(&file, list + 4), 0x730000001000);
    assert_int_equal(u32_at(&file, list + 12), 0x6000);
    assert_int_equal(u64_at(&file, list + 20), 0x7fff0001e000);
    for (uint32_t at = 0; at < 0x6000; at += 8)
        assert_true(u64_at(&file, u32_at(&file, list + 16) + at) == made_up_word(0x730000001000 + at));
    /* what is not asked for is not there */
    assert_int_equal(stream_at(&file, 9, NULL), 0);
    assert_int_equal(stream_at(&file, 12, NULL), 0);
}

static void names_become_utf16(void **state)
{
    static const uint16_t worker[] = {'w', 'o', 'r', 'k', 'e', 'r', ' ', 0xd83d, 0xdc22};
    static const uint16_t bad[] = {'b', 'a', 'd', ' ', 0xfffd, 0xfffd, ' ', 'n', 'a', 'm', 'e'};
    _cleanup_buffer_ struct buffer file = write_dump(0);
    uint32_t names = stream_at(&file, 24, NULL);
    uint32_t second = u32_at(&file, names + 4 + 12 + 4), third = u32_at(&file, names + 4 + 24 + 4);

    (void)state;
    assert_string_equal(string_at(&file, u32_at(&file, names + 8)), "main");
    assert_int_equal(u32_at(&file, second), sizeof worker);
    assert_memory_equal(file.data + second + 4, worker, sizeof worker);
    assert_int_equal(u32_at(&file, third), sizeof bad);
    assert_memory_equal(file.data + third + 4, bad, sizeof bad);
}

static void modules_begin_with_the_program_and_do_not_overlap(void **state)
{
    static const char *const names[] = {"/opt/app/program", "/lib/libold.so.1", "linux-gate.so"};
    static const char *const short_names[] = {"program", "libold.so.1", "linux-gate.so"};
    _cleanup_buffer_ struct buffer file = write_dump(0x20), filtered = write_dump(0x80);
    uint32_t list = stream_at(&file, 4, NULL), filtered_list = stream_at(&filtered, 4, NULL), unloaded;

    (void)state;
    assert_int_equal(u32_at(&file, list), 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_string_equal(string_at(&file, u32_at(&file, list + 4 + i * 108 + 20)), names[i]);
        assert_string_equal(string_at(&filtered, u32_at(&filtered, filtered_list + 4 + i * 108 + 20)),
                            short_names[i]);
    }
    assert_int_equal(u64_at(&file, list + 4), 0x400000);
    assert_int_equal(u32_at(&file, list + 12), 0x6000);
    assert_int_equal(u32_at(&file, list + 4 + 76), 24);
    assert_int_equal(u32_at(&file, u32_at(&file, list + 4 + 80)), 0x4270454c);
    assert_memory_equal(file.data + u32_at(&file, list + 4 + 80) + 4, "0123456789abcdefghij", 20);
    assert_int_equal(u32_at(&file, list + 4 + 108 + 76), 0); /* no build id, no record */
    /* larger than the field, and than the gap to the next */
    assert_int_equal(u32_at(&file, list + 4 + 108 + 8), 0xfffff000);

    unloaded = stream_at(&file, 14, NULL);
    assert_int_equal(u32_at(&file, unloaded), 12);
    assert_int_equal(u32_at(&file, unloaded + 4), 24);
    assert_int_equal(u32_at(&file, unloaded + 8), 1);
    assert_int_equal(u64_at(&file, unloaded + 12), 0x700000000000);
}

static void long_paths_keep_their_end(void **state)
{
    char path[4000], wanted[1001];
    struct module *module = &made.capture.modules.items[0];

    (void)state;
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    memcpy(path + sizeof path - 6, "/last", 5);
    memcpy(wanted, path + sizeof path - 1001, 1001);
    free(module->path);
    module->path = strdup(path);
    {
        _cleanup_buffer_ struct buffer file = write_dump(0);
        assert_string_equal(string_at(&file, u32_at(&file, stream_at(&file, 4, NULL) + 4 + 20)), wanted);
    }
}

static void the_dump_says_what_it_is_of(void **state)
{
    _cleanup_buffer_ struct buffer file = write_dump(0);
    uint32_t exception = stream_at(&file, 6, NULL), system = stream_at(&file, 7, NULL);
    uint32_t misc = stream_at(&file, 15, NULL), list = stream_at(&file, 3, NULL);

    (void)state;
    assert_int_equal(u32_at(&file, exception), 101);
    assert_int_equal(u32_at(&file, exception + 8), 0xffffffff);
    assert_int_equal(u64_at(&file, exception + 24), 0x401010);
    assert_int_equal(u32_at(&file, exception + 164), u32_at(&file, list + 4 + 48 + 44));
#if defined(__x86_64__)
    assert_int_equal(u16_at(&file, system), 9);
#endif
    assert_int_equal(u16_at(&file, system + 2), 6);
    assert_int_equal(u16_at(&file, system + 4), 143 << 8 | 8);
    assert_int_equal(file.data[system + 6], 2);
    assert_int_equal(u32_at(&file, system + 8), 6);
    assert_int_equal(u32_at(&file, system + 12), 1);
    assert_int_equal(u32_at(&file, system + 16), 27);
    assert_int_equal(u32_at(&file, system + 20), 0x8201);
    assert_string_equal(string_at(&file, u32_at(&file, system + 24)), "Linux 6.1.27-made #1 SMP x86_64");
    assert_memory_equal(file.data + system + 32, "GenuineIntel", 12);
    assert_int_equal(u32_at(&file, misc), 24);
    assert_int_equal(u32_at(&file, misc + 8), 100);
    assert_int_equal(u32_at(&file, misc + 12), 1700000000);
    assert_int_equal(u32_at(&file, misc + 16), 3);
    assert_int_equal(u32_at(&file, misc + 20), 1);
}

static void texts_are_as_the_kernel_gave_them(void **state)
{
    _cleanup_buffer_ struct buffer file = write_dump(0), without = write_dump(0x400),
                                   triage = write_dump(0x100000);
    uint32_t size, at = stream_at(&file, 0x47670009, &size);

    (void)state;
    assert_int_equal(size, made.capture.maps_text.size);
    assert_memory_equal(file.data + at, made.capture.maps_text.data, size);
    at = stream_at(&file, 0x47670006, &size);
    assert_int_equal(size, 15);
    assert_memory_equal(file.data + at, "program\0--flag\0", 15);
    assert_true(stream_at(&file, 0x47670007, NULL) != 0);
    assert_int_equal(stream_at(&file, 0x47670005, NULL), 0); /* could not be read */
    assert_int_equal(stream_at(&without, 0x47670006, NULL), 0);
    assert_int_equal(stream_at(&without, 0x47670007, NULL), 0);
    assert_true(stream_at(&without, 0x47670009, NULL) != 0);
    assert_int_equal(stream_at(&triage, 0x47670007, NULL), 0);
    assert_true(stream_at(&triage, 0x47670006, NULL) != 0);
}

static void handles_regions_and_thread_facts(void **state)
{
    _cleanup_buffer_ struct buffer file = write_dump(0x1804);
    uint32_t handles = stream_at(&file, 12, NULL), memory = stream_at(&file, 16, NULL);
    uint32_t threads = stream_at(&file, 17, NULL), size, text = stream_at(&file, 0x4767000d, &size);

    (void)state;
    assert_int_equal(u32_at(&file, handles + 4), 32);
    assert_int_equal(u32_at(&file, handles + 8), 2);
    assert_int_equal(u64_at(&file, handles + 16 + 32), 3);
    assert_string_equal(string_at(&file, u32_at(&file, handles + 16 + 32 + 8)), "Socket");
    assert_string_equal(string_at(&file, u32_at(&file, handles + 16 + 8)), "File");
    assert_string_equal(string_at(&file, u32_at(&file, handles + 16 + 32 + 12)),
                        "tcp 127.0.0.1:80 -> 10.0.0.2:5123");
    assert_memory_equal(file.data + text, "0 -> /dev/null\n3 -> tcp ", 24);

    assert_int_equal(u32_at(&file, memory), 16);
    assert_int_equal(u32_at(&file, memory + 4), 48);
    assert_int_equal(u64_at(&file, memory + 8), made.capture.maps.count);
    assert_int_equal(u64_at(&file, memory + 16 + 48), 0x401000);
    assert_int_equal(u64_at(&file, memory + 16 + 48 + 8), 0x400000); /* belongs to the program */
    assert_int_equal(u32_at(&file, memory + 16 + 48 + 36), 0x20);    /* execute, read */
    assert_int_equal(u32_at(&file, memory + 16 + 48 + 40), 0x1000000);
    assert_int_equal(u32_at(&file, memory + 16 + 4 * 48 + 40), 0x20000); /* the heap */

    assert_int_equal(u32_at(&file, threads + 8), MADE_UP_THREADS);
    assert_true(u64_at(&file, threads + 12 + 16) == 133444736000000000u); /* 14 November 2023, 22:13:20 */
    assert_int_equal(u64_at(&file, threads + 12 + 40), 20000000);
    assert_int_equal(u64_at(&file, threads + 12 + 48), 0x401100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_type_is_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(threads_have_registers_and_stacks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(overlapping_stacks_are_one_region, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_become_utf16, set_up, tear_down),
        cmocka_unit_test_setup_teardown(modules_begin_with_the_program_and_do_not_overlap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_paths_keep_their_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_dump_says_what_it_is_of, set_up, tear_down),
        cmocka_unit_test_setup_teardown(texts_are_as_the_kernel_gave_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(handles_regions_and_thread_facts, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
