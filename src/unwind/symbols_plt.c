/* The entries through which calls go to other files: no table names them. Each jumps by a word that the
 * loader fills in, and its relocation says with which function: x86-64 psABI, "Procedure Linkage Table". */
#include "unwind/symbols.h"

#include "base/array.h"
#include "base/buffer.h"
#include "base/sorted.h"

#include <errno.h>
#include <string.h>

#if defined __x86_64__

enum { ENTRY_LEAST = 8, ENTRY_USUAL = 16, JUMP_SIZE = 6 };

struct plt {
    const struct elf_file *file;
    char *symbols, *strings; /* of those that others have; owned, as the next */
    size_t symbol_count, strings_size;
    struct slots {
        struct slot {
            uint64_t address, symbol;
        } * items;
        size_t count, capacity;
    } slots; /* ascending address */
    struct entries {
        Elf64_Sym *items;
        size_t count, capacity;
    } entries;
    struct buffer names;
};

static void plt_release(struct plt *plt)
{
    free(plt->symbols);
    free(plt->strings);
    free(plt->slots.items);
    free(plt->entries.items);
    buffer_release(&plt->names);
}

static bool table_read(struct plt *plt)
{
    GElf_Shdr table, strings;

    if (gelf_getclass(plt->file->elf) != ELFCLASS64 ||
        !elf_file_section(plt->file, NULL, SHT_DYNSYM, &table) ||
        !gelf_getshdr(elf_getscn(plt->file->elf, table.sh_link), &strings) ||
        elf_file_read(plt->file, &table, LIMIT_PLT, &plt->symbols) < 0 ||
        elf_file_read(plt->file, &strings, LIMIT_PLT, &plt->strings) < 0)
        return false;
    plt->symbol_count = table.sh_size / sizeof(Elf64_Sym);
    plt->strings_size = strings.sh_size;
    return true;
}

static int slots_add(struct plt *plt, const char *section)
{
    _cleanup_free_ char *bytes = NULL;
    GElf_Shdr header;
    int r = 0;

    if (!elf_file_section(plt->file, section, 0, &header) || header.sh_type != SHT_RELA ||
        elf_file_read(plt->file, &header, LIMIT_PLT, &bytes) < 0)
        return 0;
    for (size_t i = 0; i < header.sh_size / sizeof(Elf64_Rela) && r == 0; i++) {
        Elf64_Rela entry;

        memcpy(&entry, bytes + i * sizeof entry, sizeof entry);
        if (ELF64_R_TYPE(entry.r_info) != R_X86_64_JUMP_SLOT &&
            ELF64_R_TYPE(entry.r_info) != R_X86_64_GLOB_DAT)
            continue;
        r = ARRAY_RESERVE(&plt->slots, 1, LIMIT_PLT / sizeof entry * 2);
        if (r == 0)
            plt->slots.items[plt->slots.count++] = (struct slot){entry.r_offset, ELF64_R_SYM(entry.r_info)};
    }
    return r;
}

static int compare(const void *one, const void *other)
{
    const struct slot *a = one, *b = other;

    if (a->address != b->address)
        return a->address < b->address ? -1 : 1;
    return a->symbol < b->symbol ? -1 : a->symbol > b->symbol;
}

/* jmp *disp(%rip), behind the marks that processors with control-flow protection want. */
static bool jump_read(const uint8_t *bytes, size_t size, uint64_t address, uint64_t *ret_slot)
{
    static const uint8_t mark[] = {0xf3, 0x0f, 0x1e, 0xfa};
    size_t at = size >= sizeof mark && memcmp(bytes, mark, sizeof mark) == 0 ? sizeof mark : 0;
    int32_t displacement;

    at += at < size && bytes[at] == 0xf2;
    if (size - at < JUMP_SIZE || bytes[at] != 0xff || bytes[at + 1] != 0x25)
        return false;
    memcpy(&displacement, bytes + at + 2, sizeof displacement);
    *ret_slot = address + at + JUMP_SIZE + (uint64_t)(int64_t)displacement;
    return true;
}

static const char *name_of(const struct plt *plt, uint64_t slot)
{
    size_t at = SORTED_UP_TO(plt->slots.items, plt->slots.count, address, slot);
    Elf64_Sym symbol;

    if (at == 0 || plt->slots.items[at - 1].address != slot ||
        plt->slots.items[at - 1].symbol >= plt->symbol_count)
        return NULL;
    memcpy(&symbol, plt->symbols + plt->slots.items[at - 1].symbol * sizeof symbol, sizeof symbol);
    return symbol.st_name && symbol.st_name < plt->strings_size ? plt->strings + symbol.st_name : NULL;
}

static int entry_add(struct plt *plt, uint64_t address, size_t size, const char *name)
{
    size_t at = plt->names.size, length = strnlen(name, LIMIT_NAME);
    int r = ARRAY_RESERVE(&plt->entries, 1, LIMIT_PLT / ENTRY_LEAST);

    if (r == 0)
        r = buffer_append(&plt->names, name, length);
    if (r == 0)
        r = buffer_append(&plt->names, "@plt", sizeof "@plt");
    if (r == 0)
        plt->entries.items[plt->entries.count++] = (Elf64_Sym){.st_name = (Elf64_Word)at,
                                                               .st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC),
                                                               .st_shndx = 1,
                                                               .st_value = address,
                                                               .st_size = size};
    return r;
}

static int section_add(struct plt *plt, const char *section)
{
    _cleanup_free_ char *bytes = NULL;
    GElf_Shdr header;
    size_t step;
    int r = 0;

    if (!elf_file_section(plt->file, section, 0, &header) ||
        elf_file_read(plt->file, &header, LIMIT_PLT, &bytes) < 0)
        return 0;
    step = header.sh_entsize == ENTRY_LEAST ? ENTRY_LEAST : ENTRY_USUAL;
    for (size_t i = 0; i + step <= header.sh_size && r == 0; i += step) {
        const char *name;
        uint64_t slot;

        if (!jump_read((const uint8_t *)bytes + i, step, header.sh_addr + i, &slot))
            continue;
        name = name_of(plt, slot);
        r = name ? entry_add(plt, header.sh_addr + i, step, name) : 0;
    }
    return r;
}

int symbols_add_plt(struct symbols *symbols, const struct elf_file *file)
{
    static const char *const relocations[] = {".rela.plt", ".rela.dyn"};
    static const char *const sections[] = {".plt", ".plt.sec", ".plt.got"};
    _cleanup_(plt_release) struct plt plt = {.file = file, .names = BUFFER_INIT(LIMIT_PLT)};
    char *strings;
    int r = 0;

    if (!file->memory || file->machine != EM_X86_64 || !table_read(&plt))
        return -ENOENT;
    for (size_t i = 0; i < ELEMENTS_OF(relocations) && r == 0; i++)
        r = slots_add(&plt, relocations[i]);
    if (plt.slots.count)
        qsort(plt.slots.items, plt.slots.count, sizeof plt.slots.items[0], compare);
    for (size_t i = 0; i < ELEMENTS_OF(sections) && r == 0; i++)
        r = section_add(&plt, sections[i]);
    if (r < 0 || !plt.entries.count)
        return r < 0 ? r : -ENOENT;
    strings = malloc(plt.names.size + 1);
    if (!strings)
        return -ENOMEM;
    memcpy(strings, plt.names.data, plt.names.size);
    strings[plt.names.size] = '\0';
    return symbols_add_read(symbols, plt.entries.items, plt.entries.count, strings, plt.names.size,
                            UINT64_MAX);
}

#else

int symbols_add_plt(struct symbols *symbols, const struct elf_file *file)
{
    (void)symbols, (void)file; /* other machines' entries look otherwise */
    return -ENOENT;
}

#endif
