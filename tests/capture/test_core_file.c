/* Core files: one that is made up here, and what is no core. How real ones read:
 * tests/integration/test_stacks.py. */
#include "base/limits.h"
#include "capture/core_file.h"
#include "capture/core_modules.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/procfs.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

enum {
    PAGE = 4096,
    NOTES = 1024,
    MEMORY = 2 * PAGE,
    LIBRARY = 0x10000,
    LIBRARY_MORE = 0x12000,
    STACK = 0x70000
};

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#else
#define MACHINE EM_AARCH64
#endif

struct made {
    uint8_t bytes[4 * PAGE];
    size_t notes; /* their size */
};

static void add_note(struct made *made, unsigned type, const void *contents, size_t size)
{
    const struct {
        Elf64_Nhdr note;
        char name[8];
    } head = {{.n_namesz = 5, .n_descsz = (Elf64_Word)size, .n_type = type}, "CORE"};

    assert_in_range(made->notes + sizeof head + size, 1, MEMORY - NOTES);
    memcpy(&made->bytes[NOTES + made->notes], &head, sizeof head);
    memcpy(&made->bytes[NOTES + made->notes + sizeof head], contents, size);
    made->notes += sizeof head + (size + 3) / 4 * 4;
}

static Elf64_Phdr load(uint64_t address, uint64_t size, uint64_t offset, uint64_t in_file, unsigned flags)
{
    return (Elf64_Phdr){.p_type = PT_LOAD,
                        .p_vaddr = address,
                        .p_memsz = size,
                        .p_offset = offset,
                        .p_filesz = in_file,
                        .p_flags = flags};
}

/* Two threads; a library mapped in two pieces, of which the second is not in the file; a stack. */
static int make(struct made *made)
{
    Elf64_Ehdr header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                         .e_type = ET_CORE,
                         .e_machine = MACHINE,
                         .e_version = EV_CURRENT,
                         .e_phoff = sizeof header,
                         .e_ehsize = sizeof header,
                         .e_phentsize = sizeof(Elf64_Phdr),
                         .e_phnum = 4};
    struct elf_prstatus status = {.pr_pid = 42};
    struct elf_prpsinfo process = {.pr_pid = 42, .pr_ppid = 1, .pr_uid = 7, .pr_fname = "fifteen bytes, "};
    static const struct {
        uint64_t count, page, ranges[2][3];
        char names[24];
    } files = {2,
               PAGE,
               {{LIBRARY, LIBRARY + 2 * PAGE, 0}, {LIBRARY_MORE, LIBRARY_MORE + PAGE, 2}},
               "/lib/a.so.1\0/lib/a.so.1"};
    uint64_t auxv[] = {AT_PAGESZ, PAGE, AT_NULL, 0};
    Elf64_Phdr segments[4];
    int fd = memfd_create("core", MFD_CLOEXEC);

    memset(made, 0, sizeof *made);
    for (int i = 0; i < 2; i++, status.pr_pid++) {
        memset(&status.pr_reg, 0x11 * (i + 1), sizeof status.pr_reg);
        add_note(made, NT_PRSTATUS, &status, sizeof status);
        if (i > 0)
            continue;
        add_note(made, NT_PRPSINFO, &process, sizeof process);
        add_note(made, NT_AUXV, auxv, sizeof auxv);
        add_note(made, NT_FILE, &files, sizeof files);
    }
    assert_in_range(made->notes, 1, MEMORY - NOTES);
    segments[0] = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = NOTES, .p_filesz = made->notes};
    segments[1] = load(LIBRARY, 2 * PAGE, MEMORY, PAGE, PF_R | PF_X);
    segments[2] = load(LIBRARY_MORE, PAGE, 0, 0, PF_R | PF_W);
    segments[3] = load(STACK, PAGE, MEMORY + PAGE, PAGE, PF_R | PF_W);
    memcpy(made->bytes, &header, sizeof header);
    memcpy(made->bytes + sizeof header, segments, sizeof segments);
    memset(made->bytes + MEMORY, 'l', PAGE);
    memset(made->bytes + MEMORY + PAGE, 's', PAGE);
    assert_int_equal(write(fd, made->bytes, sizeof made->bytes), sizeof made->bytes);
    return fd;
}

static void test_what_is_in_a_core(void **state _unused_)
{
    struct made made;
    _cleanup_close_ int fd = make(&made);
    _cleanup_capture_ struct capture capture = {0};
    _cleanup_memory_ struct memory *memory = NULL;
    struct error error = {0};
    char bytes[2 * PAGE];

    if (capture_core(fd, &capture, &memory, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(capture.pid, 42);
    assert_int_equal(capture.parent, 1);
    assert_int_equal(capture.user, 7);
    assert_string_equal(capture.name, "fifteen bytes, ");
    assert_int_equal(capture.thread_count, 2);
    assert_int_equal(capture.threads[0].id, 42);
    assert_int_equal(capture.threads[1].id, 43);
    assert_true(registers_stack_pointer(&capture.threads[1].registers) == 0x2222222222222222);
    assert_true(capture_auxv(&capture, AT_PAGESZ) == PAGE);

    assert_int_equal(capture.maps.count, 3);
    assert_string_equal(capture.maps.items[0].path, "/lib/a.so.1");
    assert_string_equal(capture.maps.items[1].path, "/lib/a.so.1");
    assert_true(capture.maps.items[1].offset == 2 * PAGE);
    assert_string_equal(capture.maps.items[2].path, "");
    assert_int_equal(capture.modules.count, 1);
    assert_true(capture.modules.items[0].base == LIBRARY);
    assert_true(capture.modules.items[0].size == LIBRARY_MORE + PAGE - LIBRARY);

    assert_int_equal(memory_read(memory, LIBRARY + 1, bytes, sizeof bytes), PAGE - 1);
    assert_int_equal(bytes[0], 'l');
    assert_int_equal(memory_read(memory, STACK, bytes, 16), 16);
    assert_int_equal(bytes[15], 's');
    assert_int_equal(memory_read(memory, LIBRARY + PAGE, bytes, 1), -EIO);
    assert_int_equal(memory_read(memory, LIBRARY_MORE, bytes, 1), -EIO);
    assert_int_equal(memory_read(memory, 0, bytes, 1), -EIO);
    assert_int_equal(memory_read(memory, UINT64_MAX, bytes, 1), -EIO);
}

/* Cut anywhere, or with any byte changed: an answer or a refusal, never more. */
static void test_broken_cores(void **state _unused_)
{
    struct made made;

    (void)fd_close(make(&made));
    for (size_t at = 0; at < NOTES + made.notes; at++) {
        _cleanup_close_ int fd = memfd_create("core", MFD_CLOEXEC);
        _cleanup_capture_ struct capture capture = {0};
        _cleanup_memory_ struct memory *memory = NULL;
        struct error error = {0};
        uint8_t before = made.bytes[at];
        size_t size = at % 3 == 0 ? at : sizeof made.bytes;

        made.bytes[at] = at % 3 == 1 ? 0xff : (uint8_t)(before + 1);
        assert_int_equal(write(fd, made.bytes, size), (ssize_t)size);
        made.bytes[at] = before;
        if (capture_core(fd, &capture, &memory, &error) < 0)
            assert_true(error.text[0]);
    }
}

/* Segments of notes may lie over one another, and each is read. */
static void test_too_many_notes(void **state _unused_)
{
    struct made made;
    _cleanup_close_ int fd = make(&made);
    struct capture capture = {0};
    struct memory *memory = NULL;
    struct error error = {0};
    Elf64_Phdr notes = {.p_type = PT_NOTE, .p_offset = 4 * PAGE, .p_filesz = LIMIT_CORE_NOTES};
    enum { LAST = sizeof(Elf64_Ehdr) + 3 * sizeof notes };

    assert_int_equal(pwrite(fd, &notes, sizeof notes, LAST), sizeof notes);
    assert_int_equal(ftruncate(fd, 4 * PAGE + (off_t)LIMIT_CORE_NOTES), 0);
    assert_int_equal(capture_core(fd, &capture, &memory, &error), -EFBIG);
}

enum { LINES = 4 };

/* The names of files over others, of endless ones, and of those that end before they begin. */
static void test_hostile_file_names(void **state _unused_)
{
    static struct {
        uint64_t count, page, ranges[LINES][3];
        char names[2 * PATH_MAX];
    } note = {LINES,
              PAGE,
              {{PAGE, 3 * PAGE, 0}, {2 * PAGE, 5 * PAGE, 0}, {4 * PAGE, 5 * PAGE, 0}, {6 * PAGE, PAGE, 0}},
              "/one\0/over"};
    struct map maps[] = {{.start = PAGE, .end = 2 * PAGE, .path = ""},
                         {.start = 2 * PAGE, .end = 3 * PAGE, .path = ""},
                         {.start = 3 * PAGE, .end = 4 * PAGE, .path = ""},
                         {.start = 4 * PAGE, .end = 5 * PAGE, .path = ""}};
    struct capture capture = {.maps = {.items = maps, .count = ELEMENTS_OF(maps)}};

    memset(note.names + sizeof "/one\0/over", '/', PATH_MAX);
    capture.maps.paths.limit = sizeof note + 1;
    assert_int_equal(core_files_read(&capture, (const uint8_t *)&note, sizeof note), 0);
    assert_string_equal(maps[0].path, "/one");
    assert_string_equal(maps[1].path, "/one");
    assert_string_equal(maps[2].path, "");
    assert_string_equal(maps[3].path, "");
    buffer_release(&capture.maps.paths);
}

static void test_what_is_no_core(void **state _unused_)
{
    static const char *const paths[] = {"/dev/null", "/proc/self/exe", "/proc/self/cmdline"};

    for (size_t i = 0; i < ELEMENTS_OF(paths); i++) {
        _cleanup_close_ int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
        struct capture capture = {0};
        struct memory *memory = NULL;
        struct error error = {0};

        assert_int_equal(capture_core(fd, &capture, &memory, &error), -EINVAL);
        assert_non_null(strstr(error.text, "no ELF core"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_in_a_core), cmocka_unit_test(test_broken_cores),
        cmocka_unit_test(test_too_many_notes),    cmocka_unit_test(test_hostile_file_names),
        cmocka_unit_test(test_what_is_no_core),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
