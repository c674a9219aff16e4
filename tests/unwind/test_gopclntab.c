/* Each form of what a program in Go says of its functions, made by hand; what today's compiler writes is read
 * by the integration tests. */
#include "unwind/gopclntab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

enum { TEXT = 0x401000, SIZE = 1024, NAMES = 300, UNITS = 340, FILES = 360, VALUES = 400, FUNCTIONS = 500 };
enum { FILE_VALUES = 1, LINE_VALUES = 4, INLINED_VALUES = 9 }; /* in the values */

static const uint32_t magics[] = {0xfffffffb, 0xfffffffa, 0xfffffff0, 0xfffffff1};

static void put(uint8_t *table, size_t at, uint64_t value, size_t size)
{
    assert_true(at + size <= SIZE);
    memcpy(table + at, &value, size);
}

static void put_values(uint8_t *table, size_t at)
{
    static const uint8_t file[] = {2, 0x40, 0}; /* from -1 on: 0 for 64 bytes */
    static const uint8_t line[] = {22, 0x10, 4, 0x30, 0};
    static const uint8_t inlined[] = {0, 0x20, 2, 0x20, 0}; /* -1, then 0 */

    memcpy(table + at + FILE_VALUES, file, sizeof file);
    memcpy(table + at + LINE_VALUES, line, sizeof line);
    memcpy(table + at + INLINED_VALUES, inlined, sizeof inlined);
}

static size_t put_function(uint8_t *table, uint32_t magic, size_t at, uint64_t start, uint32_t name)
{
    const uint32_t words[] = {name, 0, 0, 0, FILE_VALUES, LINE_VALUES, 3, 1};
    size_t size = magic >= 0xfffffffa ? 8 : 4;

    put(table, at, size == 4 ? start - TEXT : start, size);
    at += size;
    for (size_t i = 0; i < ELEMENTS_OF(words); i++, at += 4)
        put(table, at, words[i], 4);
    at += magic == 0xfffffff1 ? 8 : 4; /* the first line; kind and flags */
    put(table, at + 8, INLINED_VALUES, 4);
    return at + 12;
}

static void make(uint8_t *table, uint32_t magic)
{
    static const char names[] = "\0main.alpha\0main.beta", files[] = "a.go\0b.go";
    bool is_old = magic == 0xfffffffb;
    size_t column = magic >= 0xfffffffa ? 8 : 4, list = is_old ? 16 : FUNCTIONS, at = 8;
    size_t base = is_old ? 0 : FUNCTIONS, description = is_old ? 100 : FUNCTIONS + 100;
    const uint64_t parts[] = {2, 2, TEXT, NAMES, UNITS, FILES, VALUES, FUNCTIONS};

    memset(table, 0, SIZE);
    put(table, 0, magic, 4);
    table[6] = 1;
    table[7] = 8;
    for (size_t i = 0; i < ELEMENTS_OF(parts) && (i == 0 || !is_old); i++)
        if (i != 2 || column == 4) {
            put(table, at, parts[i], 8);
            at += 8;
        }
    memcpy(table + NAMES, names, sizeof names);
    memcpy(table + FILES, files, sizeof files);
    put(table, UNITS + 4, 5, 4); /* the second file is the first of the unit that begins at 1 */
    put_values(table, VALUES);
    for (size_t i = 0; i < 3; i++) {
        uint64_t start = TEXT + i * 0x40;

        put(table, list + i * 2 * column, column == 4 ? start - TEXT : start, column);
        if (i == 2)
            break;
        put(table, list + i * 2 * column + column, description - base, column);
        description =
            put_function(table, magic, description, start, (is_old ? NAMES : 0) + (i == 0 ? 1u : 12u));
    }
}

static struct gopclntab *open_table(const uint8_t *table)
{
    static const char names[] = "\0.gopclntab\0.names";
    Elf64_Shdr sections[3] = {
        {0},
        {.sh_name = 1, .sh_type = SHT_PROGBITS, .sh_offset = sizeof(Elf64_Ehdr), .sh_size = SIZE},
        {.sh_name = 12,
         .sh_type = SHT_STRTAB,
         .sh_offset = sizeof(Elf64_Ehdr) + SIZE + sizeof sections,
         .sh_size = sizeof names}};
    Elf64_Ehdr header = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
#if defined __aarch64__
        .e_machine = EM_AARCH64,
#else
        .e_machine = EM_X86_64,
#endif
        .e_version = EV_CURRENT,
        .e_shoff = sizeof header + SIZE,
        .e_ehsize = sizeof header,
        .e_shentsize = sizeof sections[0],
        .e_shnum = 3,
        .e_shstrndx = 2
    };
    size_t size = sizeof header + SIZE + sizeof sections + sizeof names;
    _cleanup_elf_file_ struct elf_file *file = NULL;
    char *bytes = malloc(size);

    if (!bytes)
        abort();
    memcpy(bytes, &header, sizeof header);
    memcpy(bytes + sizeof header, table, SIZE);
    memcpy(bytes + sizeof header + SIZE, sections, sizeof sections);
    memcpy(bytes + sizeof header + SIZE + sizeof sections, names, sizeof names);
    assert_int_equal(elf_file_of_bytes(bytes, size, &file), 0);
    return gopclntab_open(file);
}

static void expect(const struct gopclntab *table, uint64_t address, const char *function, unsigned line)
{
    struct go_place place;

    assert_int_equal(gopclntab_find(table, address, true, &place), function != NULL);
    if (!function)
        return;
    assert_string_equal(place.function, function);
    assert_int_equal(place.start, TEXT + (strcmp(function, "main.beta") == 0 ? 0x40 : 0));
    assert_int_equal(place.line, line);
    if (line)
        assert_string_equal(place.file, "b.go");
    else
        assert_null(place.file);
    assert_true(gopclntab_find(table, address, false, &place));
    assert_int_equal(place.line, 0);
}

static void reads_each_form(void **state)
{
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(magics); i++) {
        bool has_lines = magics[i] != 0xfffffffb;
        uint8_t bytes[SIZE];
        struct gopclntab *table;

        make(bytes, magics[i]);
        table = open_table(bytes);
        assert_non_null(table);
        expect(table, TEXT - 1, NULL, 0);
        expect(table, TEXT, "main.alpha", has_lines ? 10 : 0);
        expect(table, TEXT + 0x0f, "main.alpha", has_lines ? 10 : 0);
        expect(table, TEXT + 0x10, "main.alpha", has_lines ? 12 : 0);
        expect(table, TEXT + 0x20, "main.alpha", 0); /* what is inlined there is not told */
        expect(table, TEXT + 0x40, "main.beta", has_lines ? 10 : 0);
        expect(table, TEXT + 0x7f, "main.beta", 0);
        expect(table, TEXT + 0x80, NULL, 0);
        gopclntab_free(table);
    }
}

static void bears_any_byte(void **state)
{
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(magics); i++)
        for (size_t at = 0; at < SIZE; at++) {
            uint8_t bytes[SIZE];
            struct gopclntab *table;
            struct go_place place;

            make(bytes, magics[i]);
            bytes[at] ^= 0xff;
            table = open_table(bytes);
            for (uint64_t address = TEXT; table && address < TEXT + 0x80; address += 8)
                (void)gopclntab_find(table, address, true, &place);
            gopclntab_free(table);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_form),
        cmocka_unit_test(bears_any_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
