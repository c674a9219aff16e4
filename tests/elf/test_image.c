#include "base/cleanup.h"
#include "base/io.h"
#include "elf/image.h"
#include "elf/symbols.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>

#define SAMPLE_DEBUG TARGETS "/../elf/sample-debug.so"
#define SAMPLE_PLAIN TARGETS "/../elf/sample-plain.so"

static const uint8_t sample_build_id[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99,
                                          0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x01, 0x02, 0x03, 0x04};

static struct memory *file_memory(const char *path)
{
    struct memory *memory = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(memory_fd_new(fd, &memory), 0);
    return memory;
}

static void reads_a_file(void **state)
{
    static const char *const paths[] = {SAMPLE_DEBUG, SAMPLE_PLAIN};
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(paths); i++) {
        _cleanup_memory_ struct memory *memory = file_memory(paths[i]);
        _cleanup_elf_image_ struct elf_image image = {0};

        assert_int_equal(elf_image_read(memory, 0, false, &image), 0);
        assert_int_equal(image.is_64, sizeof(void *) == 8);
        assert_int_equal(image.type, ET_DYN);
        assert_int_equal(image.build_id_size, sizeof sample_build_id);
        assert_memory_equal(image.build_id, sample_build_id, sizeof sample_build_id);
        assert_string_equal(image.soname, "libsample.so.3.1");
        assert_int_equal(image.has_debug_info, i == 0);
        assert_false(image.has_debug_link);
        assert_true(image.load_size > 0x1000 && image.load_size < 0x100000);
    }
}

struct loaded {
    const char *soname;
    ElfW(Addr) bias;
    char path[256];
};

static int find_loaded(struct dl_phdr_info *info, size_t size, void *data)
{
    struct loaded *loaded = data;
    const char *slash = strrchr(info->dlpi_name, '/');
    (void)size;

    if (!slash || strcmp(slash + 1, loaded->soname) != 0)
        return 0;
    loaded->bias = info->dlpi_addr;
    (void)snprintf(loaded->path, sizeof loaded->path, "%s", info->dlpi_name); /* a path of the system's */
    return 1;
}

/* The C library of this process: what its file says and what its mapped image says must agree, though the
 * loader has written into the latter. */
static void agrees_mapped_and_in_the_file(void **state)
{
    struct loaded libc = {.soname = "libc.so.6"};
    _cleanup_elf_image_ struct elf_image in_file = {0}, mapped = {0};
    _cleanup_memory_ struct memory *file = NULL, *process = file_memory("/proc/self/mem");
    uint64_t value;
    (void)state;

    if (dl_iterate_phdr(find_loaded, &libc) == 0)
        skip(); /* another C library */
    file = file_memory(libc.path);
    assert_int_equal(elf_image_read(file, 0, false, &in_file), 0);
    assert_int_equal(elf_image_read(process, libc.bias + in_file.load_address, true, &mapped), 0);
    assert_true(in_file.build_id_size > 0);
    assert_int_equal(mapped.build_id_size, in_file.build_id_size);
    assert_memory_equal(mapped.build_id, in_file.build_id, in_file.build_id_size);
    assert_string_equal(in_file.soname, "libc.so.6");
    assert_string_equal(mapped.soname, "libc.so.6");
    assert_int_equal(mapped.load_size, in_file.load_size);
    assert_int_equal(elf_symbol_find(file, "getauxval", &value), 0);
    assert_int_equal(libc.bias + value, (uint64_t)(uintptr_t)&getauxval);
}

static void reads_the_vdso(void **state)
{
    unsigned long base = getauxval(AT_SYSINFO_EHDR);
    _cleanup_memory_ struct memory *process = file_memory("/proc/self/mem");
    _cleanup_elf_image_ struct elf_image image = {0};
    (void)state;

    if (!base)
        skip();
    assert_int_equal(elf_image_read(process, base, true, &image), 0);
    assert_non_null(strstr(image.soname, "linux-"));
    assert_true(image.build_id_size > 0);
}

static void finds_symbols(void **state)
{
    _cleanup_memory_ struct memory *memory = file_memory(SAMPLE_DEBUG), *stripped = file_memory(SAMPLE_PLAIN);
    uint64_t one = 0, other = 0, text = 0, dynamic = 0;
    char bytes[26];
    (void)state;

    assert_int_equal(elf_symbol_find(memory, "sample_object", &one), 0);
    assert_int_equal(elf_symbol_find(memory, "another_sample_object", &other), 0);
    assert_true(one != 0 && other != 0 && one != other);
    assert_int_equal(elf_symbol_find(stripped, "sample_object", &dynamic), 0); /* only .dynsym is left */
    assert_int_equal(elf_symbol_find(stripped, "sample_text", &text), 0);
    assert_int_equal(memory_read_exactly(stripped, text, bytes, sizeof bytes),
                     0); /* first segment: as in the file */
    assert_string_equal(bytes, "seen through the ELF file");
    assert_int_equal(elf_symbol_find(memory, "object", &one), -ENOENT);
    assert_int_equal(elf_symbol_find(memory, "", &one), -ENOENT);
    assert_int_equal(elf_symbol_find(memory, "no_such_symbol", &one), -ENOENT);
}

/* A 32-bit object by hand: compilers for it are not everywhere. */
struct narrow {
    Elf32_Ehdr header;
    Elf32_Phdr segments[3];
    struct {
        Elf32_Nhdr header;
        char name[4];
        uint8_t id[4];
    } note;
    Elf32_Dyn dynamic[4];
    char strings[16];
};

static struct narrow narrow_object(void)
{
    struct narrow object = {
        .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32,
                               __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB,
                               EV_CURRENT},
                   .e_type = ET_DYN,
                   .e_machine = EM_386,
                   .e_phoff = offsetof(struct narrow, segments),
                   .e_phentsize = sizeof(Elf32_Phdr),
                   .e_phnum = 3},
        .segments = {{.p_type = PT_LOAD, .p_vaddr = 0x8000, .p_filesz = sizeof object, .p_memsz = 0x2345},
                     {.p_type = PT_NOTE,
                      .p_offset = offsetof(struct narrow, note),
                      .p_vaddr = 0x8000 + offsetof(struct narrow, note),
                      .p_filesz = sizeof object.note,
                      .p_memsz = sizeof object.note,
                      .p_align = 4},
                     {.p_type = PT_DYNAMIC,
                      .p_offset = offsetof(struct narrow, dynamic),
                      .p_vaddr = 0x8000 + offsetof(struct narrow, dynamic),
                      .p_filesz = sizeof object.dynamic,
                      .p_memsz = sizeof object.dynamic}},
        .note = {.header = {4, 4, NT_GNU_BUILD_ID}, .name = "GNU", .id = {1, 2, 3, 4}},
        .dynamic = {{DT_STRTAB, {0x8000 + offsetof(struct narrow, strings)}},
                    {DT_STRSZ, {sizeof object.strings}},
                    {DT_SONAME, {1}},
                    {DT_NULL, {0}}},
        .strings = "\0libnarrow.so.1",
    };
    return object;
}

static void reads_32_bit_objects(void **state)
{
    struct narrow object = narrow_object();
    (void)state;

    for (int mapped = 0; mapped <= 1; mapped++) {
        uint64_t base = mapped ? 0xf7000000 : 0;
        _cleanup_memory_ struct memory *memory = NULL;
        _cleanup_elf_image_ struct elf_image image = {0};

        assert_int_equal(memory_bytes_new(base, &object, sizeof object, &memory), 0);
        assert_int_equal(elf_image_read(memory, base, mapped, &image), 0);
        assert_false(image.is_64);
        assert_int_equal(image.load_address, 0x8000);
        assert_int_equal(image.load_size, 0x2345);
        assert_int_equal(image.build_id_size, 4);
        assert_memory_equal(image.build_id, "\1\2\3\4", 4);
        assert_string_equal(image.soname, "libnarrow.so.1");
    }
}

static void leaves_out_what_is_broken(void **state)
{
    struct narrow object = narrow_object();
    _cleanup_memory_ struct memory *memory = NULL;
    _cleanup_elf_image_ struct elf_image image = {0};
    (void)state;

    assert_int_equal(memory_bytes_new(0, &object, sizeof object, &memory), 0);
    object.note.header.n_namesz = UINT32_MAX;
    object.dynamic[2].d_un.d_val = UINT32_MAX;
    assert_int_equal(elf_image_read(memory, 0, false, &image), 0);
    assert_int_equal(image.build_id_size, 0);
    assert_string_equal(image.soname, "");
    elf_image_release(&image);

    object.note.header.n_namesz = 4;
    object.note.header.n_descsz = 0x7fffffff;
    object.dynamic[0].d_un.d_ptr = 1; /* outside of every segment */
    assert_int_equal(elf_image_read(memory, 0, false, &image), 0);
    assert_int_equal(image.build_id_size, 0);
    elf_image_release(&image);

    object.header.e_phnum = PN_XNUM; /* whose true value no section tells */
    assert_int_equal(elf_image_read(memory, 0, false, &image), -ENOEXEC);
    object.header.e_phnum = 3;
    object.header.e_phentsize = 1;
    assert_int_equal(elf_image_read(memory, 0, false, &image), -ENOEXEC);
    object.header.e_ident[EI_CLASS] = 3;
    assert_int_equal(elf_image_read(memory, 0, false, &image), -ENOEXEC);
    object.header.e_ident[0] = '#';
    assert_int_equal(elf_image_read(memory, 0, false, &image), -ENOEXEC);
}

/* A file cut at any length: the address sanitizer sees a read too far, and the end is never a crash or a
 * hang. */
static void stands_a_cut_file(void **state)
{
    _cleanup_buffer_ struct buffer bytes = {0};
    unsigned whole = 0;
    (void)state;

    assert_int_equal(io_read_file_at(AT_FDCWD, SAMPLE_PLAIN, &bytes), 0);
    for (size_t size = 0; size <= bytes.size; size += size < 1024 ? 1 : 61) {
        _cleanup_free_ char *copy = malloc(size + 1);
        _cleanup_memory_ struct memory *memory = NULL;
        _cleanup_elf_image_ struct elf_image image = {0};
        uint64_t value;

        assert_non_null(copy);
        memcpy(copy, bytes.data, size);
        assert_int_equal(memory_bytes_new(0, copy, size, &memory), 0);
        if (elf_image_read(memory, 0, false, &image) == 0)
            whole++;
        else
            assert_true(size < 1024); /* once the program headers are there it is an image */
        assert_true(elf_symbol_find(memory, "sample_object", &value) <= 0); /* found or not: it returns */
    }
    assert_true(whole > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_file),         cmocka_unit_test(agrees_mapped_and_in_the_file),
        cmocka_unit_test(reads_the_vdso),       cmocka_unit_test(finds_symbols),
        cmocka_unit_test(reads_32_bit_objects), cmocka_unit_test(leaves_out_what_is_broken),
        cmocka_unit_test(stands_a_cut_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
