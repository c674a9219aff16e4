/* What stands in an ELF core: cores of a made-up process, read by the system's own <elf.h>. */
#include "file_reader.h"
#include "made_up.h"

#include "dump/core.h"

#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/procfs.h>

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

static struct buffer write_core(const struct memory *memory, uint32_t type)
{
    struct buffer file = BUFFER_INIT(1 << 28);
    struct core *core;
    struct error error = {0};
    struct sink *sink;

    assert_int_equal(core_plan(&made.capture, memory, type, &core, NULL, &error), 0);
    assert_int_equal(sink_memory_new(&file, &sink), 0);
    assert_int_equal(core_write(core, sink, &error), 0);
    assert_int_equal(file.size, core_size(core));
    sink_free(sink);
    core_free(core);
    return file;
}

static Elf64_Ehdr header_of(const struct buffer *file)
{
    Elf64_Ehdr header;

    assert_true(file->size >= sizeof header);
    memcpy(&header, file->data, sizeof header);
    return header;
}

static uint64_t segment_count(const struct buffer *file)
{
    Elf64_Ehdr header = header_of(file);
    Elf64_Shdr first;

    if (header.e_phnum != PN_XNUM)
        return header.e_phnum;
    assert_int_equal(header.e_shnum, 1);
    assert_true(header.e_shoff + sizeof first <= file->size);
    memcpy(&first, file->data + header.e_shoff, sizeof first);
    return first.sh_info;
}

static Elf64_Phdr segment_at(const struct buffer *file, uint64_t index)
{
    Elf64_Phdr segment;
    uint64_t at = header_of(file).e_phoff + index * sizeof segment;

    assert_true(at + sizeof segment <= file->size);
    memcpy(&segment, file->data + at, sizeof segment);
    return segment;
}

static Elf64_Phdr find_segment(const struct buffer *file, uint64_t address)
{
    uint64_t count = segment_count(file);

    for (uint64_t i = 1; i < count; i++) {
        Elf64_Phdr segment = segment_at(file, i);

        if (address >= segment.p_vaddr && address - segment.p_vaddr < segment.p_memsz)
            return segment;
    }
    fail();
    return (Elf64_Phdr){0};
}

static void assert_memory(const struct buffer *file, uint64_t address, bool wanted)
{
    Elf64_Phdr segment = find_segment(file, address);

    assert_int_equal(segment.p_filesz, wanted ? segment.p_memsz : 0);
    if (wanted)
        assert_true(u64_at(file, segment.p_offset + (address - segment.p_vaddr)) == made_up_word(address));
}

/* Every mapping is there, in order, each byte of it once; contents follow each other on pages' boundaries. */
static void assert_mappings(const struct buffer *file)
{
    const struct map_list *maps = &made.capture.maps;
    uint64_t count = segment_count(file), at = maps->items[0].start, end = 0;
    size_t map = 0;

    for (uint64_t i = 1; i < count; i++) {
        Elf64_Phdr segment = segment_at(file, i);

        assert_int_equal(segment.p_type, PT_LOAD);
        assert_true(map < maps->count);
        assert_true(segment.p_vaddr == at && segment.p_memsz > 0);
        assert_int_equal(segment.p_offset % MADE_UP_PAGE, 0);
        assert_int_equal((segment.p_flags & PF_W) != 0, (maps->items[map].permissions & MAP_WRITE) != 0);
        assert_int_equal((segment.p_flags & PF_X) != 0, (maps->items[map].permissions & MAP_EXECUTE) != 0);
        if (segment.p_filesz > 0) {
            assert_int_equal(segment.p_filesz, segment.p_memsz);
            assert_true(segment.p_offset >= end);
            end = segment.p_offset + segment.p_filesz;
            assert_true(end <= file->size);
        }
        at += segment.p_memsz;
        assert_true(at <= maps->items[map].end);
        if (at == maps->items[map].end && ++map < maps->count)
            at = maps->items[map].start;
    }
    assert_int_equal(map, maps->count);
}

static void every_type_is_whole(void **state)
{
    static const uint32_t more[] = {0, 0x1ffffff, 0x1806};

    (void)state;
    for (unsigned i = 0; i < 25 + ELEMENTS_OF(more); i++) {
        _cleanup_buffer_ struct buffer file = write_core(&made.memory, i < 25 ? 1u << i : more[i - 25]);
        Elf64_Ehdr header = header_of(&file);

        assert_memory_equal(header.e_ident, ELFMAG, SELFMAG);
        assert_int_equal(header.e_type, ET_CORE);
        assert_mappings(&file);
    }
}

static void memory_goes_by_type(void **state)
{
    (void)state;
    {
        _cleanup_buffer_ struct buffer file = write_core(&made.memory, 2);

        assert_memory(&file, 0x402ff8, true);
        assert_memory(&file, 0x500000, true);
        assert_memory(&file, 0x710000000000, false); /* a graphics card */
        assert_memory(&file, 0x720000000000, true);
        assert_memory(&file, 0x730000000000, false); /* guard */
        assert_memory(&file, 0x7fff10000000, false); /* vvar */
        assert_memory(&file, 0xffffffffff600000, false);
    }
    {
        _cleanup_buffer_ struct buffer file = write_core(&made.memory, 0);

        assert_memory(&file, 0x7fff0001e000, true); /* stacks */
        assert_memory(&file, 0x7fff0001d000, false);
        assert_memory(&file, 0x730000006ff8, true);
        assert_memory(&file, 0x400000, true); /* header of a module */
        assert_memory(&file, 0x401000, false);
        assert_memory(&file, 0x500000, false);
        assert_memory(&file, 0x7fff10004000, true); /* vdso */
    }
}

/* A capture with copied stacks and linkage needs no memory. */
static void what_was_copied_needs_no_memory(void **state)
{
    uint64_t words[MADE_UP_PAGE / 8];
    struct memory_piece piece = {0x500000, 0x501000, (const uint8_t *)words};
    struct core *core;

    (void)state;
    made_up_release(&made);
    made_up_init(&made, true);
    for (size_t i = 0; i < ELEMENTS_OF(words); i++)
        words[i] = made_up_word(piece.start + i * 8);
    assert_int_equal(ARRAY_RESERVE(&made.capture.linkage, 1, 1), 0);
    made.capture.linkage.items[made.capture.linkage.count++] = piece;
    {
        _cleanup_buffer_ struct buffer file = write_core(NULL, 0);

        assert_mappings(&file);
        assert_memory(&file, 0x500000, true);
        assert_memory(&file, 0x501000, false);
        for (uint64_t at = 0x730000001000; at < 0x730000007000; at += 8)
            assert_memory(&file, at, true); /* two stacks that overlap */
    }
    assert_false(core_reads_memory(0x80800));
    assert_true(core_reads_memory(0x200));
    assert_int_equal(core_plan(&made.capture, NULL, 0x200, &core, NULL, NULL), -EINVAL);
    assert_int_equal(core_plan(&made.capture, NULL, 0x2000000, &core, NULL, NULL), -EINVAL);
}

static void untouched_parts_are_left_out(void **state)
{
    struct range touched = {0x540000, 0x550000};

    (void)state;
    assert_int_equal(ARRAY_RESERVE(&made.capture.present, 1, 1), 0);
    made.capture.present.items[made.capture.present.count++] = touched;
    made.capture.present_known = true;
    {
        _cleanup_buffer_ struct buffer file = write_core(&made.memory, 2);

        assert_mappings(&file);
        assert_memory(&file, 0x53fff8, false);
        assert_memory(&file, 0x540000, true);
        assert_memory(&file, 0x54fff8, true);
        assert_memory(&file, 0x550000, false);
    }
}

/* The index'th note of that type: its place, or 0. */
static uint64_t find_note(const struct buffer *file, uint32_t type, unsigned index, uint32_t *ret_size)
{
    Elf64_Phdr notes = segment_at(file, 0);

    assert_int_equal(notes.p_type, PT_NOTE);
    for (uint64_t at = notes.p_offset; at < notes.p_offset + notes.p_filesz;) {
        uint32_t name = u32_at(file, at), size = u32_at(file, at + 4);
        uint64_t bytes = at + 12 + (name + 3) / 4 * 4;

        if (u32_at(file, at + 8) == type && index-- == 0) {
            *ret_size = size;
            return bytes;
        }
        at = bytes + (size + 3) / 4 * 4;
        assert_true(at <= notes.p_offset + notes.p_filesz);
    }
    return 0;
}

static void threads_have_their_notes(void **state)
{
    uint8_t extended[1000] = {1, 2, 3};
    uint32_t size;

    (void)state;
    made.capture.threads[2].extended = extended;
    made.capture.threads[2].extended_size = sizeof extended;
    {
        _cleanup_buffer_ struct buffer file = write_core(&made.memory, 0);
        struct elf_prstatus status;
        uint64_t at;

        for (unsigned i = 0; i < MADE_UP_THREADS; i++) {
            at = find_note(&file, NT_PRSTATUS, i, &size);
            assert_int_equal(size, sizeof status);
            memcpy(&status, file.data + at, sizeof status);
            assert_int_equal(status.pr_pid, 100 + i);
            assert_memory_equal(&status.pr_reg, &made.capture.threads[i].registers.general,
                                sizeof status.pr_reg);
            assert_int_equal(status.pr_utime.tv_sec, 2);
            at = find_note(&file, NT_FPREGSET, i, &size);
            assert_memory_equal(file.data + at, &made.capture.threads[i].registers.floating, size);
            assert_true(find_note(&file, NT_SIGINFO, i, &size) != 0);
            assert_int_equal(size, 128);
        }
        assert_int_equal(find_note(&file, NT_PRSTATUS, MADE_UP_THREADS, &size), 0);
#if defined(__x86_64__)
        at = find_note(&file, NT_X86_XSTATE, 0, &size);
        assert_int_equal(size, sizeof extended);
        assert_memory_equal(file.data + at, extended, sizeof extended);
        assert_int_equal(find_note(&file, NT_X86_XSTATE, 1, &size), 0);
#endif
    }
}

static void process_has_its_notes(void **state)
{
    _cleanup_buffer_ struct buffer file = write_core(&made.memory, 0);
    struct elf_prpsinfo info;
    uint32_t size;
    uint64_t at = find_note(&file, NT_PRPSINFO, 0, &size), count;
    const char *name;

    (void)state;
    assert_int_equal(size, sizeof info);
    memcpy(&info, file.data + at, sizeof info);
    assert_int_equal(info.pr_pid, 100);
    assert_string_equal(info.pr_fname, "program");
    assert_string_equal(info.pr_psargs, "program --flag ");
    at = find_note(&file, NT_AUXV, 0, &size);
    assert_int_equal(size, made.capture.auxv.size);
    assert_memory_equal(file.data + at, made.capture.auxv.data, size);

    at = find_note(&file, NT_FILE, 0, &size);
    count = u64_at(&file, at);
    assert_int_equal(count, 9); /* of the 17 mappings: the card and shared memory too */
    assert_int_equal(u64_at(&file, at + 8), MADE_UP_PAGE);
    assert_int_equal(u64_at(&file, at + 16 + 24), 0x401000);
    assert_int_equal(u64_at(&file, at + 16 + 24 + 8), 0x403000);
    assert_int_equal(u64_at(&file, at + 16 + 24 + 16), 1); /* in pages */
    name = file.data + at + 16 + count * 24;
    assert_string_equal(name, "/opt/app/program");
    for (int i = 0; i < 3; i++)
        name += strlen(name) + 1;
    assert_string_equal(name, "/lib/libold.so.1 (deleted)");
}

/* Past 65,534 segments their number does not fit the header. */
static void many_mappings(void **state)
{
    static const size_t counts[] = {65534 - 1, 65534, 65535, 70000};

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(counts); i++) {
        struct map_list *maps = &made.capture.maps;

        maps->count = 0;
        assert_int_equal(ARRAY_RESERVE(maps, counts[i], LIMIT_MAPS), 0);
        for (size_t j = 0; j < counts[i]; j++)
            maps->items[maps->count++] = (struct map){.start = 0x10000000 + j * 0x2000,
                                                      .end = 0x10001000 + j * 0x2000,
                                                      .permissions = MAP_READ | (j % 2 ? MAP_WRITE : 0),
                                                      .path = ""};
        for (size_t j = 0; j < made.capture.thread_count; j++)
            made.capture.threads[j].stack_size = 0;
        {
            _cleanup_buffer_ struct buffer file = write_core(&made.memory, i == 3 ? 0x200 : 0);

            assert_int_equal(segment_count(&file), counts[i] + 1);
            assert_int_equal(header_of(&file).e_phnum, counts[i] + 1 < PN_XNUM ? counts[i] + 1 : PN_XNUM);
            assert_mappings(&file);
            if (i == 3)
                assert_memory(&file, 0x10000000 + 69999 * 0x2000ull, true);
        }
    }
}

/* What can't be read is zeros; what is gone ends the core. */
static void memory_that_is_lost(void **state)
{
    struct buffer file;
    struct core *core;
    struct error error = {0};
    struct sink *sink;

    (void)state;
    made.unreadable = 0x501000;
    file = write_core(&made.memory, 2);
    assert_memory(&file, 0x500ff8, true);
    assert_memory(&file, 0x502000, true);
    assert_true(u64_at(&file, find_segment(&file, 0x500000).p_offset + 0x1000) == 0);
    buffer_release(&file);
    assert_int_equal(core_plan(&made.capture, &made.memory, 2, &core, NULL, &error), 0);
    made.gone = true;
    assert_int_equal(sink_memory_new(&file, &sink), 0);
    assert_int_equal(core_write(core, sink, &error), -ESRCH);
    sink_free(sink);
    core_free(core);
    buffer_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_type_is_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_goes_by_type, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_copied_needs_no_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(untouched_parts_are_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(threads_have_their_notes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(process_has_its_notes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_mappings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_that_is_lost, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
