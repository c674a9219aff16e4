#include "unwind/symbols.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>

struct given {
    const char *name;
    uint64_t address, size;
    unsigned type, binding;
    bool undefined;
};

/* One table of them; end: of what they stand in. */
static void add(struct symbols *symbols, const struct given *given, size_t count, uint64_t end)
{
    Elf64_Sym entries[32];
    char *strings = calloc(1, 4096);
    size_t size = 1;

    assert_non_null(strings);
    assert_true(count <= ELEMENTS_OF(entries));
    for (size_t i = 0; i < count; i++) {
        entries[i] = (Elf64_Sym){
            .st_name = (Elf64_Word)size,
            .st_info = (unsigned char)ELF64_ST_INFO(given[i].binding, given[i].type),
            .st_shndx = given[i].undefined ? SHN_UNDEF : 1,
            .st_value = given[i].address,
            .st_size = given[i].size,
        };
        memcpy(strings + size, given[i].name, strlen(given[i].name) + 1);
        size += strlen(given[i].name) + 1;
    }
    assert_int_equal(symbols_add_read(symbols, entries, count, strings, size, end), 0);
}

static void expect(const struct symbols *symbols, uint64_t address, const char *name, uint64_t start)
{
    const char *found = NULL;
    uint64_t found_start = 0;

    assert_int_equal(symbols_find(symbols, address, &found, &found_start), name != NULL);
    if (!name)
        return;
    assert_string_equal(found, name);
    assert_int_equal(found_start, start);
}

static void finds_the_function_around(void **state)
{
    static const struct given given[] = {
        {"outer", 0x1000, 0x100, STT_FUNC, STB_GLOBAL}, {"inner", 0x1020, 0x10, STT_FUNC, STB_LOCAL},
        {"label", 0x1050, 0, STT_NOTYPE, STB_GLOBAL},   {"assembly", 0x1200, 0, STT_NOTYPE, STB_LOCAL},
        {".Lhidden", 0x1204, 0, STT_NOTYPE, STB_LOCAL}, {"$x", 0x1208, 0, STT_NOTYPE, STB_LOCAL},
        {"next", 0x1240, 8, STT_FUNC, STB_GLOBAL},      {"last", 0x1300, 0, STT_FUNC, STB_GLOBAL},
        {"object", 0x1400, 8, STT_OBJECT, STB_GLOBAL},  {"import", 0x1000, 8, STT_FUNC, STB_GLOBAL, true},
        {"behind", 0x2000, 0, STT_NOTYPE, STB_GLOBAL},  {"resolver", 0x1280, 4, STT_GNU_IFUNC, STB_GLOBAL},
        {"", 0x1290, 4, STT_FUNC, STB_GLOBAL},
    };
    struct symbols *symbols = symbols_new();
    (void)state;

    add(symbols, given, ELEMENTS_OF(given), 0x2000);
    symbols_sort(symbols);
    expect(symbols, 0xfff, NULL, 0);
    expect(symbols, 0x1000, "outer", 0x1000);
    expect(symbols, 0x101f, "outer", 0x1000);
    expect(symbols, 0x1020, "inner", 0x1020);
    expect(symbols, 0x102f, "inner", 0x1020);
    expect(symbols, 0x1030, "outer", 0x1000); /* goes on behind the inner one */
    expect(symbols, 0x1060, "outer", 0x1000); /* a label in it is none of its own */
    expect(symbols, 0x10ff, "outer", 0x1000);
    expect(symbols, 0x1100, NULL, 0); /* whose size is known ends there */
    expect(symbols, 0x120c, "assembly", 0x1200);
    expect(symbols, 0x123f, "assembly", 0x1200); /* up to the next */
    expect(symbols, 0x1240, "next", 0x1240);
    expect(symbols, 0x1248, NULL, 0);
    expect(symbols, 0x1282, "resolver", 0x1280);
    expect(symbols, 0x1290, NULL, 0);
    expect(symbols, 0x1fff, "last", 0x1300); /* up to the section's end */
    expect(symbols, 0x2000, NULL, 0);
    expect(symbols, UINT64_MAX, NULL, 0);
    symbols_free(symbols);
}

/* A file can have a million functions in one another: not each of them is asked for each address. */
static void passes_over_many(void **state)
{
    enum { DEPTH = 1000000, END = 3 * DEPTH };
    Elf64_Sym *entries = calloc(DEPTH, sizeof *entries);
    char *strings = calloc(1, 32);
    struct symbols *symbols = symbols_new();
    const char *name;
    uint64_t start;
    (void)state;

    assert_non_null(entries);
    assert_non_null(strings);
    memcpy(strings, "\0outer\0inner", 13);
    for (size_t i = 0; i < DEPTH; i++)
        entries[i] = (Elf64_Sym){.st_name = i ? 7 : 1,
                                 .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
                                 .st_shndx = 1,
                                 .st_value = i + 1,
                                 .st_size = i ? 2 * DEPTH - i : END};
    assert_int_equal(symbols_add_read(symbols, entries, DEPTH, strings, 32, END), 0);
    symbols_sort(symbols);
    expect(symbols, 2 * DEPTH, "inner", DEPTH);
    for (uint64_t at = 2 * DEPTH + 1; at < END; at += 10) /* a hundred thousand */
        assert_false(symbols_find(symbols, at, &name, &start));
    symbols_free(symbols);
    free(entries);
}

/* Each is better than the next; whatever their order, the first of those that are there is shown. */
static void prefers_the_same_of_several(void **state)
{
    static const struct given given[] = {
        {"sized", 0x1000, 16, STT_FUNC, STB_GLOBAL},  {"_sized", 0x1000, 16, STT_FUNC, STB_GLOBAL},
        {"__s", 0x1000, 16, STT_FUNC, STB_GLOBAL},    {"__t", 0x1000, 16, STT_FUNC, STB_GLOBAL},
        {"__long", 0x1000, 16, STT_FUNC, STB_GLOBAL}, {"weak", 0x1000, 16, STT_FUNC, STB_WEAK},
        {"local", 0x1000, 16, STT_FUNC, STB_LOCAL},   {"label", 0x1000, 16, STT_NOTYPE, STB_GLOBAL},
        {"endless", 0x1000, 0, STT_FUNC, STB_GLOBAL}, {"nothing", 0x1000, 0, STT_NOTYPE, STB_GLOBAL},
    };
    (void)state;

    for (size_t first = 0; first < ELEMENTS_OF(given); first++) {
        for (size_t turn = 0; turn < ELEMENTS_OF(given) - first; turn++) {
            struct symbols *symbols = symbols_new();
            size_t count = ELEMENTS_OF(given) - first;

            /* in two tables, as of .dynsym and .gnu_debugdata */
            add(symbols, given + first + turn, count - turn, 0x2000);
            add(symbols, given + first, turn, 0x2000);
            symbols_sort(symbols);
            assert_int_equal(symbols_count(symbols), 1);
            expect(symbols, 0x1008, given[first].name, 0x1000);
            symbols_free(symbols);
        }
    }
}

/* Against what readelf's and gdb's users know of any program: this one calls free() by its linkage table. */
static void names_entries_of_linkage(void **state)
{
#if defined __x86_64__
    struct elf_file *file = NULL;
    struct symbols *symbols = symbols_new();
    size_t found = 0;
    const char *name;
    uint64_t start;
    GElf_Shdr header;
    (void)state;

    assert_int_equal(elf_file_open(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), &file), 0);
    if (symbols_add_plt(symbols, file) == 0) { /* a program may have been linked without such entries */
        static const char *const sections[] = {".plt", ".plt.sec", ".plt.got"};

        symbols_sort(symbols);
        for (size_t i = 0; i < ELEMENTS_OF(sections); i++) {
            if (!elf_file_section(file, sections[i], 0, &header))
                continue;
            for (uint64_t at = header.sh_addr; at < header.sh_addr + header.sh_size; at += 8)
                found += symbols_find(symbols, at, &name, &start) && strcmp(name, "free@plt") == 0;
            assert_false(symbols_find(symbols, header.sh_addr + header.sh_size + 4096, &name, &start));
        }
        assert_true(found == 1 || found == 2);
    }
    symbols_free(symbols);
    elf_file_free(file);
#else
    (void)state;
#endif
}

static void bears_nonsense(void **state)
{
    static const struct given given[] = {
        {"all", 0, UINT64_MAX, STT_FUNC, STB_GLOBAL},
        {"top", UINT64_MAX - 1, UINT64_MAX, STT_FUNC, STB_GLOBAL},
        {"far", UINT64_MAX - 8, 0, STT_NOTYPE, STB_GLOBAL},
        {"huge", 0x1000, 1ull << 40, STT_FUNC, STB_GLOBAL},
    };
    Elf64_Sym outside = {.st_name = 100,
                         .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
                         .st_shndx = 1,
                         .st_value = 0x500,
                         .st_size = 4};
    struct symbols *symbols = symbols_new(), *empty = symbols_new();
    const char *name;
    uint64_t start;
    (void)state;

    add(symbols, given, ELEMENTS_OF(given), UINT64_MAX);
    assert_int_equal(symbols_add_read(symbols, &outside, 1, strdup("x"), 2, UINT64_MAX), 0);
    symbols_sort(symbols);
    expect(symbols, 0x500, "all", 0);
    expect(symbols, 0x1001, "huge", 0x1000);
    expect(symbols, UINT64_MAX - 1, "top", UINT64_MAX - 1);
    symbols_sort(empty);
    assert_false(symbols_find(empty, 0, &name, &start));
    symbols_free(symbols);
    symbols_free(empty);
    symbols_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_function_around),
        cmocka_unit_test(passes_over_many),
        cmocka_unit_test(names_entries_of_linkage),
        cmocka_unit_test(prefers_the_same_of_several),
        cmocka_unit_test(bears_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
