/* Call frame information as we read it against libdw's reading of the same files: the row of each address
 * that is tried must be the same. */
#include "unwind/cfi.h"

#include "base/limits.h"

#include <dlfcn.h>
#include <dwarf.h>
#include <fcntl.h>
#include <gelf.h>
#include <link.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

struct file {
    int fd;
    Elf *elf;
    Dwarf *debug;
    Dwarf_CFI *of_eh, *of_debug;
    struct cfi *cfi;
};

static void file_open(const char *path, struct file *file)
{
    *file = (struct file){.fd = open(path, O_RDONLY | O_CLOEXEC)};
    assert_true(file->fd >= 0);
    file->elf = elf_begin(file->fd, ELF_C_READ, NULL);
    assert_non_null(file->elf);
    file->debug = dwarf_begin_elf(file->elf, DWARF_C_READ, NULL);
    file->of_eh = dwarf_getcfi_elf(file->elf);
    file->of_debug = file->debug ? dwarf_getcfi(file->debug) : NULL;
    file->cfi = cfi_new(file->elf, file->debug);
    if (file->cfi)
        effort_init(cfi_effort(file->cfi), 60 * 1000); /* for all addresses of it */
}

static void file_close(struct file *file)
{
    cfi_free(file->cfi);
    dwarf_cfi_end(file->of_eh);
    dwarf_end(file->debug);
    elf_end(file->elf);
    close(file->fd);
}

/* libdw decodes an expression into operations; ours stays bytes, so only how many steps it has is compared:
 * test_expression.c is about what they do. */
static size_t operations_in(const struct cfi_rule *rule)
{
    Dwarf_Op *unused;
    size_t count = 0;

    (void)unused;
    for (size_t i = 0; i < rule->size; count++) {
        uint8_t operation = rule->expression[i++];

        if ((operation >= DW_OP_breg0 && operation <= DW_OP_breg31) || operation == DW_OP_plus_uconst ||
            operation == DW_OP_constu || operation == DW_OP_consts) {
            while (rule->expression[i] & 0x80)
                i++;
            i++;
        } else if (operation == DW_OP_const1u || operation == DW_OP_const1s ||
                   operation == DW_OP_deref_size) {
            i++;
        }
    }
    return count;
}

static void same_rule(const struct cfi_row *row, Dwarf_Frame *frame, uint8_t number)
{
    static const struct cfi_rule none;
    const struct cfi_rule *rule = &none;
    Dwarf_Op memory[3], *operations;
    size_t count;

    for (size_t i = 0; i < row->count; i++)
        if (row->rules[i].number == number)
            rule = &row->rules[i];
    assert_int_equal(dwarf_frame_register(frame, number, memory, &operations, &count), 0);
    switch (rule->kind) {
    case CFI_UNSPECIFIED: /* libdw has put in what the ABI says: the stack pointer is the CFA */
        assert_true(count == 0 || (number == 7 && count == 2) || (number == 31 && count == 2));
        break;
    case CFI_UNDEFINED:
        assert_true(count == 0 && operations == memory);
        break;
    case CFI_SAME:
        assert_true(count == 0 && !operations);
        break;
    case CFI_AT_OFFSET:
    case CFI_IS_OFFSET:
        assert_true(count >= 1 && operations[0].atom == DW_OP_call_frame_cfa);
        assert_int_equal(rule->value,
                         count > 1 && operations[1].atom == DW_OP_plus_uconst ? operations[1].number : 0);
        assert_int_equal(operations[count - 1].atom == DW_OP_stack_value, rule->kind == CFI_IS_OFFSET);
        break;
    case CFI_IN_REGISTER:
        assert_true(count == 1 && operations[0].atom == DW_OP_regx);
        assert_int_equal(operations[0].number, rule->value);
        break;
    case CFI_AT_EXPRESSION:
        assert_int_equal(count, operations_in(rule) + 1);
        break;
    case CFI_IS_EXPRESSION:
        assert_int_equal(count, operations_in(rule) + 2);
        break;
    }
}

/* Compares at one address; returns where the row ends, or 0 where there is none. */
static uint64_t same_row(struct file *file, uint64_t address)
{
    const struct cfi_row *row = cfi_find(file->cfi, address);
    Dwarf_Frame *frame = NULL;
    Dwarf_Op *operations;
    size_t count;
    Dwarf_Addr start, end;
    bool is_signal;
    uint64_t row_end;

    if (dwarf_cfi_addrframe(file->of_eh, address, &frame) < 0 &&
        dwarf_cfi_addrframe(file->of_debug, address, &frame) < 0) {
        assert_null(row);
        return 0;
    }
    assert_non_null(row);
    assert_int_equal(dwarf_frame_info(frame, &start, &end, &is_signal), row->return_register);
    /* restore_state takes libdw back to where the remembered row began */
    assert_true(row->start >= start && row->start <= address);
    assert_int_equal(row->end, end);
    assert_int_equal(row->is_signal, is_signal);
    assert_int_equal(dwarf_frame_cfa(frame, &operations, &count), 0);
    if (row->cfa.kind == CFI_IS_OFFSET) {
        assert_true(count == 1 && operations[0].atom == DW_OP_bregx);
        assert_int_equal(operations[0].number, row->cfa.number);
        assert_int_equal(operations[0].number2, row->cfa.value);
    } else {
        assert_int_equal(row->cfa.kind, CFI_IS_EXPRESSION);
        assert_int_equal(operations_in(&row->cfa), count);
    }
    for (uint8_t number = 0; number < CFI_REGISTERS; number++)
        same_rule(row, frame, number);
    row_end = end;
    free(frame);
    return row_end;
}

/* All rows of all executable sections, one after the other. */
static size_t all_the_same(const char *path)
{
    struct file file;
    Elf_Scn *section = NULL;
    size_t rows = 0;

    file_open(path, &file);
    assert_non_null(file.cfi);
    while ((section = elf_nextscn(file.elf, section))) {
        GElf_Shdr header;

        assert_non_null(gelf_getshdr(section, &header));
        if (!(header.sh_flags & SHF_EXECINSTR))
            continue;
        for (uint64_t at = header.sh_addr; at < header.sh_addr + header.sh_size;) {
            uint64_t end = same_row(&file, at);

            rows += end != 0;
            at = end ? end : at + 1;
        }
    }
    file_close(&file);
    return rows;
}

static const char *path_of(const void *symbol)
{
    Dl_info where;

    assert_true(dladdr(symbol, &where) != 0);
    return where.dli_fname;
}

static void the_c_library(void **state)
{
    (void)state;
    assert_true(all_the_same(path_of((const void *)&getenv)) > 10000);
}

static void the_loader(void **state)
{
    struct link_map *map = NULL;
    bool seen = false;

    (void)state;
    assert_int_equal(dlinfo(dlopen(NULL, RTLD_NOW), RTLD_DI_LINKMAP, &map), 0);
    for (; map; map = map->l_next)
        if (strstr(map->l_name, "/ld-linux")) {
            assert_true(all_the_same(map->l_name) > 1000);
            seen = true;
        }
    assert_true(seen);
}

static void this_program(void **state)
{
    (void)state;
    assert_true(all_the_same("/proc/self/exe") > 10);
}

static void libraries_of_others(void **state)
{
    (void)state;
    assert_true(all_the_same(path_of((const void *)&dwarf_begin)) > 1000);
    assert_true(all_the_same(path_of((const void *)&_cmocka_run_group_tests)) > 100);
}

/* What the cross compiler brings, where it is installed. */
static void another_machine(void **state)
{
    static const char path[] = "/usr/aarch64-linux-gnu/lib/libc.so.6";

    (void)state;
    if (access(path, R_OK) < 0)
        skip();
    assert_true(all_the_same(path) > 10000);
}

/* Without a table; without .eh_frame; with its debug sections compressed. */
static void other_kinds_of_files(void **state)
{
    static const char *const names[] = {"frames-plain", "frames-no-table", "frames-debug",
                                        "frames-compressed"};
    size_t rows[ELEMENTS_OF(names)];

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(names); i++) {
        char path[4096];

        snprintf(path, sizeof path, "%s/%s.so", UNWIND, names[i]);
        rows[i] = all_the_same(path);
        assert_true(rows[i] > 10);
    }
    assert_int_equal(rows[0], rows[1]);
    assert_int_equal(rows[2], rows[3]);
}

static void without_a_section_table(void **state_of_tests)
{
    const char *path = path_of((const void *)&getenv);
    struct file whole;
    struct stat state;
    struct cfi *cfi;
    size_t size, compared = 0;
    char *bytes;
    Elf *elf;

    (void)state_of_tests;
    file_open(path, &whole);
    assert_int_equal(fstat(whole.fd, &state), 0);
    size = (size_t)state.st_size;
    bytes = malloc(size);
    assert_non_null(bytes);
    assert_int_equal(pread(whole.fd, bytes, size, 0), size);
    ((Elf64_Ehdr *)bytes)->e_shoff = 0;
    ((Elf64_Ehdr *)bytes)->e_shnum = ((Elf64_Ehdr *)bytes)->e_shstrndx = 0;
    elf = elf_memory(bytes, size);
    cfi = cfi_new(elf, NULL);
    assert_non_null(cfi);
    for (uint64_t at = 0; at < size; at += 97) {
        const struct cfi_row *expected = cfi_find(whole.cfi, at), *row = cfi_find(cfi, at);

        assert_int_equal(row != NULL, expected != NULL);
        if (!row)
            continue;
        compared++;
        assert_int_equal(row->start, expected->start);
        assert_int_equal(row->end, expected->end);
        assert_memory_equal(&row->cfa, &expected->cfa, offsetof(struct cfi_rule, value));
        assert_int_equal(row->count, expected->count);
    }
    assert_true(compared > 1000);
    cfi_free(cfi);
    elf_end(elf);
    free(bytes);
    file_close(&whole);
}

static uint8_t *put(uint8_t *at, const void *bytes, size_t size)
{
    memcpy(at, bytes, size);
    return at + size;
}

static uint8_t *put_32(uint8_t *at, uint32_t value)
{
    return put(at, &value, sizeof value);
}

/* One function, where each of ENDLESS_CODE addresses is a row of its own behind megabytes of instructions
 * that come to nothing. */
enum { ENDLESS_SIZE = 4000000, ENDLESS_CODE = 0x1000000, ENDLESS_PARTS = 1000 };

static size_t write_endless(uint8_t *bytes)
{
    static const uint8_t common[] = {1, 0, 1, 0x78, 16, DW_CFA_def_cfa, 7, 8, DW_CFA_nop, DW_CFA_nop};
    uint8_t *at = put_32(bytes, 4 + sizeof common), *own;

    at = put(put_32(at, 0), common, sizeof common);
    own = at + 4;
    at = put_32(own, (uint32_t)(own - bytes)); /* back to the CIE */
    at = put(at, &(uint64_t){0x1000}, 8);
    at = put(at, &(uint64_t){ENDLESS_CODE}, 8);
    for (size_t i = 0; i < ENDLESS_PARTS; i++) {
        for (size_t j = 0; j < ENDLESS_SIZE / ENDLESS_PARTS / 2; j++)
            at = put(at, (const uint8_t[]){DW_CFA_remember_state, DW_CFA_restore_state}, 2);
        *at++ = DW_CFA_advance_loc | 1;
    }
    (void)put_32(own - 4, (uint32_t)(at - own));
    at = put_32(at, 0);
    return (size_t)(at - bytes);
}

static void gives_up_what_takes_too_long(void **state)
{
    static const char names[] = "\0.eh_frame\0.names";
    size_t capacity = ENDLESS_SIZE + 8192, size;
    uint8_t *bytes = calloc(1, capacity);
    Elf64_Shdr sections[] = {
        {0},
        {.sh_name = 1, .sh_type = SHT_PROGBITS, .sh_offset = sizeof(Elf64_Ehdr), .sh_addralign = 1},
        {.sh_name = 11, .sh_type = SHT_STRTAB, .sh_size = sizeof names, .sh_addralign = 1}};
    Elf64_Ehdr header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                         .e_type = ET_DYN,
                         .e_machine = EM_X86_64,
                         .e_version = EV_CURRENT,
                         .e_ehsize = sizeof header,
                         .e_shentsize = sizeof sections[0],
                         .e_shnum = 3,
                         .e_shstrndx = 2};
    uint64_t at = 0x1000 + ENDLESS_PARTS - 1;
    const struct cfi_row *first;
    struct cfi *cfi;
    Elf *elf;

    (void)state;
    assert_non_null(bytes);
    sections[1].sh_size = write_endless(bytes + sizeof header);
    sections[2].sh_offset = sizeof header + sections[1].sh_size;
    memcpy(bytes + sections[2].sh_offset, names, sizeof names);
    header.e_shoff = (sections[2].sh_offset + sizeof names + 7) / 8 * 8;
    memcpy(bytes + header.e_shoff, sections, sizeof sections);
    memcpy(bytes, &header, sizeof header);
    size = header.e_shoff + sizeof sections;
    assert_true(size <= capacity);
    elf = elf_memory((char *)bytes, size);
    cfi = cfi_new(elf, NULL);
    assert_non_null(cfi);
    first = cfi_find(cfi, at);
    assert_non_null(first);
    assert_int_equal(first->start, at);
    for (uint64_t i = 1; i < ENDLESS_PARTS / 2 && !cfi_effort(cfi)->is_over; i++)
        (void)cfi_find(cfi, at - i);
    assert_true(cfi_effort(cfi)->is_over);
    assert_ptr_equal(cfi_find(cfi, at), first); /* what was found stays */
    assert_null(cfi_find(cfi, 0x1001));
    effort_init(cfi_effort(cfi), 60 * 1000);
    assert_non_null(cfi_find(cfi, 0x1001));
    cfi_free(cfi);
    elf_end(elf);
    free(bytes);
}

/* Far more rows than are kept. */
static void forgets_and_finds_again(void **state)
{
    struct file file;
    size_t found[2] = {0};

    (void)state;
    file_open(path_of((const void *)&getenv), &file);
    for (size_t pass = 0; pass < ELEMENTS_OF(found); pass++)
        for (uint64_t at = 0; at < 0x200000; at += 3)
            found[pass] += cfi_find(file.cfi, at) != NULL;
    assert_true(found[0] > 100000);
    assert_int_equal(found[0], found[1]);
    file_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_c_library),
        cmocka_unit_test(the_loader),
        cmocka_unit_test(this_program),
        cmocka_unit_test(libraries_of_others),
        cmocka_unit_test(another_machine),
        cmocka_unit_test(other_kinds_of_files),
        cmocka_unit_test(without_a_section_table),
        cmocka_unit_test(gives_up_what_takes_too_long),
        cmocka_unit_test(forgets_and_finds_again),
    };
    elf_version(EV_CURRENT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
