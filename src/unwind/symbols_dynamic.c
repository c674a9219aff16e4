/* The dynamic symbols of a file without a section table, as a loader finds them. gABI, "Dynamic Section". */
#include "unwind/symbols.h"

#include <errno.h>
#include <string.h>

enum { ENTRIES_MAX = 4096 };

struct dynamic {
    uint64_t symbols, strings, strings_size;
};

/* How many bytes of the file there are from that linked address on, and where. */
static bool locate(const struct elf_file *file, uint64_t address, uint64_t *ret_offset, uint64_t *ret_size)
{
    size_t count;

    if (elf_getphdrnum(file->elf, &count) < 0 || count > LIMIT_ELF_PROGRAM_HEADERS)
        return false;
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr segment;

        if (!gelf_getphdr(file->elf, (int)i, &segment) || segment.p_type != PT_LOAD ||
            address < segment.p_vaddr || address - segment.p_vaddr >= segment.p_filesz)
            continue;
        *ret_offset = segment.p_offset + (address - segment.p_vaddr);
        *ret_size = segment.p_filesz - (address - segment.p_vaddr);
        return true;
    }
    return false;
}

static bool dynamic_read(const struct elf_file *file, struct dynamic *dynamic)
{
    GElf_Phdr segment = {0};
    size_t count;

    if (elf_getphdrnum(file->elf, &count) < 0 || count > LIMIT_ELF_PROGRAM_HEADERS)
        return false;
    for (size_t i = 0; i < count && segment.p_type != PT_DYNAMIC; i++)
        if (!gelf_getphdr(file->elf, (int)i, &segment))
            return false;
    if (segment.p_type != PT_DYNAMIC)
        return false;
    for (uint64_t i = 0; i < ENTRIES_MAX && (i + 1) * sizeof(Elf64_Dyn) <= segment.p_filesz; i++) {
        Elf64_Dyn entry;

        if (memory_read_exactly(file->memory, segment.p_offset + i * sizeof entry, &entry, sizeof entry) <
                0 ||
            entry.d_tag == DT_NULL)
            break;
        if (entry.d_tag == DT_SYMTAB)
            dynamic->symbols = entry.d_un.d_ptr;
        else if (entry.d_tag == DT_STRTAB)
            dynamic->strings = entry.d_un.d_ptr;
        else if (entry.d_tag == DT_STRSZ)
            dynamic->strings_size = entry.d_un.d_val;
    }
    return dynamic->symbols && dynamic->strings > dynamic->symbols && dynamic->strings_size;
}

/* No entry tells how many there are; every linker puts the names behind them. What lies in between may look
 * like a function where it is none, which is why the table ends with the first entry that can't be one. */
static size_t entries_end(Elf64_Sym *entries, size_t count, uint64_t strings_size)
{
    for (size_t i = 1; i < count; i++) {
        if (entries[i].st_name >= strings_size || ELF64_ST_TYPE(entries[i].st_info) > STT_GNU_IFUNC ||
            entries[i].st_other > STV_PROTECTED)
            return i;
        if (!entries[i].st_size) /* where it would have to end is not known */
            entries[i].st_shndx = SHN_UNDEF;
    }
    return count;
}

int symbols_add_dynamic(struct symbols *symbols, const struct elf_file *file)
{
    _cleanup_free_ Elf64_Sym *entries = NULL;
    struct dynamic dynamic = {0};
    uint64_t at, available, size, strings_at;
    char *strings = NULL;
    int r;

    if (!file->memory || gelf_getclass(file->elf) != ELFCLASS64 || !dynamic_read(file, &dynamic) ||
        !locate(file, dynamic.symbols, &at, &available))
        return -ENOENT;
    size = dynamic.strings - dynamic.symbols;
    size = size < available ? size : available;
    if (size / sizeof entries[0] > LIMIT_SYMBOLS || !locate(file, dynamic.strings, &strings_at, &available) ||
        dynamic.strings_size > available || dynamic.strings_size > LIMIT_SYMBOL_NAMES)
        return -ENOENT;
    entries = malloc(size ? size : 1);
    strings = malloc(dynamic.strings_size + 1);
    r = entries && strings ? memory_read_exactly(file->memory, at, entries, size) : -ENOMEM;
    if (r == 0)
        r = memory_read_exactly(file->memory, strings_at, strings, dynamic.strings_size);
    if (r < 0) {
        free(strings);
        return r == -ENOMEM ? r : -ENOENT;
    }
    strings[dynamic.strings_size] = '\0';
    return symbols_add_read(symbols, entries,
                            entries_end(entries, size / sizeof entries[0], dynamic.strings_size), strings,
                            dynamic.strings_size, UINT64_MAX);
}
