#include "elf/section.h"

#include "elf/format.h"

#include <errno.h>
#include <string.h>

enum { NAME_SIZE = 64 };

int elf_section_find(const struct memory *file, const char *name, struct elf_place *ret_place)
{
    struct elf_section names, section;
    struct elf_header header;
    int r = elf_header_read(file, 0, true, &header);

    if (r < 0)
        return r;
    if (header.section_names >= header.section_count ||
        !elf_section_read(file, &header, header.section_names, &names) || names.type != SHT_STRTAB)
        return -ENOENT;
    for (uint64_t i = 1; i < header.section_count; i++) {
        char found[NAME_SIZE];
        uint64_t place;

        if (!elf_section_read(file, &header, i, &section))
            return -ENOENT;
        if (section.address == 0 || section.name >= names.size ||
            __builtin_add_overflow(names.offset, section.name, &place) ||
            memory_read_string(file, place, found, sizeof found) < 0 || strcmp(found, name) != 0)
            continue;
        *ret_place = (struct elf_place){section.address, section.size};
        return 0;
    }
    return -ENOENT;
}

int elf_bytes_read(const struct memory *file, uint64_t address, void *bytes, size_t size)
{
    struct elf_header header;
    int r = elf_header_read(file, 0, false, &header);

    for (uint64_t i = 0; r == 0 && i < header.program_count; i++) {
        struct elf_segment segment;
        uint64_t align, inside, place;

        if (!elf_segment_read(file, 0, &header, i, &segment, &align))
            return -ENOENT;
        inside = address - segment.address;
        if (segment.type != PT_LOAD || address < segment.address || inside >= segment.file_size ||
            size > segment.file_size - inside || __builtin_add_overflow(segment.offset, inside, &place))
            continue;
        return memory_read_exactly(file, place, bytes, size);
    }
    return r < 0 ? r : -ENOENT;
}
