#include "elf/format.h"

#include <errno.h>
#include <string.h>

static const unsigned char native_order =
    __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB;

/* Reads at base + offset, unless that passes the end of the address space. */
static bool read_at(const struct memory *memory, uint64_t base, uint64_t offset, void *bytes, size_t size)
{
    uint64_t address, end;

    return !__builtin_add_overflow(base, offset, &address) && !__builtin_add_overflow(address, size, &end) &&
           memory_read_exactly(memory, address, bytes, size) == 0;
}

static bool entry_at(const struct memory *memory, uint64_t base, uint64_t table, uint64_t index, void *bytes,
                     size_t size)
{
    uint64_t offset;

    return !__builtin_mul_overflow(index, size, &offset) && !__builtin_add_overflow(table, offset, &offset) &&
           read_at(memory, base, offset, bytes, size);
}

bool elf_segment_read(const struct memory *memory, uint64_t base, const struct elf_header *header,
                      uint64_t index, struct elf_segment *ret_segment, uint64_t *ret_align)
{
    if (header->is_64) {
        Elf64_Phdr raw;
        if (!entry_at(memory, base, header->program_offset, index, &raw, sizeof raw))
            return false;
        *ret_segment = (struct elf_segment){raw.p_type,  raw.p_flags,  raw.p_offset,
                                            raw.p_vaddr, raw.p_filesz, raw.p_memsz};
        *ret_align = raw.p_align;
    } else {
        Elf32_Phdr raw;
        if (!entry_at(memory, base, header->program_offset, index, &raw, sizeof raw))
            return false;
        *ret_segment = (struct elf_segment){raw.p_type,  raw.p_flags,  raw.p_offset,
                                            raw.p_vaddr, raw.p_filesz, raw.p_memsz};
        *ret_align = raw.p_align;
    }
    return true;
}

/* A section and, for the first one, what of the header's counts did not fit the header. */
static bool section_read(const struct memory *memory, const struct elf_header *header, uint64_t index,
                         struct elf_section *ret_section, uint32_t *ret_info)
{
    if (header->is_64) {
        Elf64_Shdr raw;
        if (!entry_at(memory, 0, header->section_offset, index, &raw, sizeof raw))
            return false;
        *ret_section = (struct elf_section){raw.sh_name, raw.sh_type,    raw.sh_link,      raw.sh_offset,
                                            raw.sh_size, raw.sh_entsize, raw.sh_addralign, raw.sh_addr};
        *ret_info = raw.sh_info;
    } else {
        Elf32_Shdr raw;
        if (!entry_at(memory, 0, header->section_offset, index, &raw, sizeof raw))
            return false;
        *ret_section = (struct elf_section){raw.sh_name, raw.sh_type,    raw.sh_link,      raw.sh_offset,
                                            raw.sh_size, raw.sh_entsize, raw.sh_addralign, raw.sh_addr};
        *ret_info = raw.sh_info;
    }
    return true;
}

bool elf_section_read(const struct memory *memory, const struct elf_header *header, uint64_t index,
                      struct elf_section *ret_section)
{
    uint32_t info;
    return section_read(memory, header, index, ret_section, &info);
}

/* Counts that pass 16 bits stand in section 0: gABI, "ELF Header", e_shnum, e_shstrndx and PN_XNUM. */
static void counts_complete(const struct memory *memory, bool with_sections, uint16_t names,
                            struct elf_header *header)
{
    struct elf_section first;
    uint32_t info;

    if (!with_sections || !header->section_offset || !section_read(memory, header, 0, &first, &info)) {
        header->section_count = 0;
        return;
    }
    if (header->section_count == 0)
        header->section_count = first.size;
    if (header->program_count == PN_XNUM)
        header->program_count = info;
    header->section_names = names == SHN_XINDEX ? first.link : names;
    if (header->section_count > LIMIT_ELF_SECTIONS)
        header->section_count = 0;
}

int elf_header_read(const struct memory *memory, uint64_t base, bool with_sections,
                    struct elf_header *ret_header)
{
    struct elf_header header = {0};
    unsigned char ident[EI_NIDENT];
    uint16_t program_size, section_size, names;

    if (!read_at(memory, base, 0, ident, sizeof ident) || memcmp(ident, ELFMAG, SELFMAG) != 0 ||
        ident[EI_DATA] != native_order || ident[EI_VERSION] != EV_CURRENT)
        return -ENOEXEC;
    header.is_64 = ident[EI_CLASS] == ELFCLASS64;
    if (header.is_64) {
        Elf64_Ehdr raw;
        if (!read_at(memory, base, 0, &raw, sizeof raw))
            return -ENOEXEC;
        header.type = raw.e_type, header.machine = raw.e_machine, header.entry = raw.e_entry;
        header.program_offset = raw.e_phoff, header.program_count = raw.e_phnum;
        header.section_offset = raw.e_shoff, header.section_count = raw.e_shnum;
        program_size = raw.e_phentsize, section_size = raw.e_shentsize, names = raw.e_shstrndx;
    } else if (ident[EI_CLASS] == ELFCLASS32) {
        Elf32_Ehdr raw;
        if (!read_at(memory, base, 0, &raw, sizeof raw))
            return -ENOEXEC;
        header.type = raw.e_type, header.machine = raw.e_machine, header.entry = raw.e_entry;
        header.program_offset = raw.e_phoff, header.program_count = raw.e_phnum;
        header.section_offset = raw.e_shoff, header.section_count = raw.e_shnum;
        program_size = raw.e_phentsize, section_size = raw.e_shentsize, names = raw.e_shstrndx;
    } else {
        return -ENOEXEC;
    }
    if (section_size != (header.is_64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr)))
        with_sections = false;
    counts_complete(memory, with_sections, names, &header);
    if (header.program_count > LIMIT_ELF_PROGRAM_HEADERS ||
        (header.program_count && program_size != (header.is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr))))
        return -ENOEXEC;
    *ret_header = header;
    return 0;
}

struct elf_dynamic_entry elf_dynamic_decode(bool is_64, const void *bytes)
{
    Elf64_Dyn wide;
    Elf32_Dyn narrow;

    if (is_64) {
        memcpy(&wide, bytes, sizeof wide);
        return (struct elf_dynamic_entry){wide.d_tag, wide.d_un.d_val};
    }
    memcpy(&narrow, bytes, sizeof narrow);
    return (struct elf_dynamic_entry){narrow.d_tag, narrow.d_un.d_val};
}

struct elf_symbol elf_symbol_decode(bool is_64, const void *bytes)
{
    Elf64_Sym wide;
    Elf32_Sym narrow;

    if (is_64) {
        memcpy(&wide, bytes, sizeof wide);
        return (struct elf_symbol){wide.st_name, wide.st_info, wide.st_shndx, wide.st_value};
    }
    memcpy(&narrow, bytes, sizeof narrow);
    return (struct elf_symbol){narrow.st_name, narrow.st_info, narrow.st_shndx, narrow.st_value};
}
