#include "unwind/cfi.h"

#include "base/array.h"
#include "base/limits.h"
#include "unwind/cfi_section.h"

#include <gelf.h>

enum {
    SECTIONS = 2, /* .eh_frame and .debug_frame */
    RECENT = 256, /* a power of two */
};

struct cfi {
    struct cfi_section sections[SECTIONS];
    struct cfi_rows {
        struct cfi_row **items; /* ascending, apart from each other; owned */
        size_t count, capacity;
    } rows;
    struct effort effort;
    size_t bytes;                         /* of the rows */
    const struct cfi_row *recent[RECENT]; /* by address */
};

static bool header_of(Elf *elf, GElf_Ehdr *ret_header)
{
    return elf && elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, ret_header) &&
           ret_header->e_ident[EI_CLASS] == ELFCLASS64 && ret_header->e_ident[EI_DATA] == ELFDATA2LSB;
}

static Elf_Scn *section_by_name(Elf *elf, const char *name, GElf_Shdr *ret_header)
{
    Elf_Scn *section = NULL;
    size_t names, seen = 0;

    if (elf_getshdrstrndx(elf, &names) < 0)
        return NULL;
    while ((section = elf_nextscn(elf, section)) && seen++ < LIMIT_ELF_SECTIONS) {
        const char *own =
            gelf_getshdr(section, ret_header) ? elf_strptr(elf, names, ret_header->sh_name) : NULL;

        if (own && strcmp(own, name) == 0)
            return section;
    }
    return NULL;
}

/* The bytes of a section, which libelf keeps; uncompressed, where it may be compressed. */
static const Elf_Data *section_bytes(Elf_Scn *section, const GElf_Shdr *header, bool may_be_compressed)
{
    GElf_Chdr compressed;

    if (header->sh_type == SHT_NOBITS || header->sh_size > LIMIT_CFI_SECTION)
        return NULL;
    if (header->sh_flags & SHF_COMPRESSED) {
        if (!may_be_compressed || !gelf_getchdr(section, &compressed) ||
            compressed.ch_size > LIMIT_CFI_SECTION || elf_compress(section, 0, 0) < 0)
            return NULL;
    }
    return elf_rawdata(section, NULL);
}

static bool find_section(Elf *elf, const char *name, struct cfi_section *section)
{
    GElf_Shdr header;
    Elf_Scn *found = section_by_name(elf, name, &header);
    const Elf_Data *data = found ? section_bytes(found, &header, !section->is_eh) : NULL;

    if (!data || !data->d_buf || data->d_size == 0)
        return false;
    section->bytes = data->d_buf;
    section->size = data->d_size;
    section->address = header.sh_addr;
    return true;
}

static void find_eh_frame(Elf *elf, struct cfi_section *section)
{
    GElf_Shdr header;
    Elf_Scn *found;
    const Elf_Data *data;

    if (!find_section(elf, ".eh_frame", section))
        return;
    found = section_by_name(elf, ".eh_frame_hdr", &header);
    data = found ? section_bytes(found, &header, false) : NULL;
    if (data && data->d_buf)
        cfi_section_set_header(section, data->d_buf, data->d_size, header.sh_addr);
}

/* Where the section table was taken off (sstrip), the program headers still lead to .eh_frame_hdr, and that
 * to .eh_frame, which reaches at most to the end of its segment. */
static void find_by_segments(Elf *elf, struct cfi_section *section)
{
    struct cfi_section of_header = {0};
    struct reader reader;
    GElf_Phdr frames = {0}, segment;
    Elf_Data *header, *data;
    uint64_t address = 0;
    size_t count = 0;

    if (elf_getphdrnum(elf, &count) < 0 || count > LIMIT_ELF_PROGRAM_HEADERS)
        return;
    for (size_t i = 0; i < count && frames.p_type != PT_GNU_EH_FRAME; i++)
        if (!gelf_getphdr(elf, (int)i, &frames))
            return;
    if (frames.p_type != PT_GNU_EH_FRAME || frames.p_filesz < 4 || frames.p_filesz > LIMIT_CFI_SECTION)
        return;
    header = elf_getdata_rawchunk(elf, (int64_t)frames.p_offset, frames.p_filesz, ELF_T_BYTE);
    if (!header || !header->d_buf)
        return;
    of_header =
        (struct cfi_section){.bytes = header->d_buf, .size = header->d_size, .address = frames.p_vaddr};
    reader = (struct reader){of_header.bytes + 4, of_header.bytes + of_header.size, false};
    if (!cfi_pointer_read(&of_header, &reader, of_header.bytes[1], &address))
        return;
    for (size_t i = 0; i < count; i++) {
        uint64_t inside;

        if (!gelf_getphdr(elf, (int)i, &segment) || segment.p_type != PT_LOAD || address < segment.p_vaddr)
            continue;
        inside = address - segment.p_vaddr;
        if (inside >= segment.p_filesz || segment.p_filesz - inside > LIMIT_CFI_SECTION)
            continue;
        data = elf_getdata_rawchunk(elf, (int64_t)(segment.p_offset + inside), segment.p_filesz - inside,
                                    ELF_T_BYTE);
        if (!data || !data->d_buf)
            return;
        section->bytes = data->d_buf;
        section->size = data->d_size;
        section->address = address;
        cfi_section_set_header(section, of_header.bytes, of_header.size, of_header.address);
        return;
    }
}

struct cfi *cfi_new(Elf *elf, Dwarf *debug)
{
    struct cfi *cfi = calloc(1, sizeof *cfi);
    Elf *other = debug ? dwarf_getelf(debug) : NULL;
    GElf_Ehdr header;

    if (!cfi)
        return NULL;
    effort_init(&cfi->effort, LIMIT_CFI_MS);
    cfi->sections[0].is_eh = true;
    if (header_of(elf, &header)) {
        find_eh_frame(elf, &cfi->sections[0]);
        if (!cfi->sections[0].bytes && header.e_shnum == 0)
            find_by_segments(elf, &cfi->sections[0]);
    }
    if (header_of(other ? other : elf, &header))
        (void)find_section(other ? other : elf, ".debug_frame", &cfi->sections[1]); /* few files have it */
    if (!cfi->sections[0].bytes && !cfi->sections[1].bytes) {
        cfi_free(cfi);
        return NULL;
    }
    return cfi;
}

static void forget_rows(struct cfi *cfi)
{
    for (size_t i = 0; i < cfi->rows.count; i++)
        free(cfi->rows.items[i]);
    cfi->rows.count = cfi->bytes = 0;
    memset(cfi->recent, 0, sizeof cfi->recent);
}

void cfi_free(struct cfi *cfi)
{
    if (!cfi)
        return;
    forget_rows(cfi);
    free(cfi->rows.items);
    for (size_t i = 0; i < SECTIONS; i++)
        cfi_section_release(&cfi->sections[i]);
    free(cfi);
}

/* The first row that ends behind address. */
static size_t rows_position(const struct cfi_rows *rows, uint64_t address)
{
    size_t low = 0, high = rows->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (rows->items[middle]->end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Functions of hostile files may overlap: then the new row stays out of where others are. */
static void clip(const struct cfi_rows *rows, size_t at, struct cfi_row *row)
{
    if (at > 0 && rows->items[at - 1]->end > row->start)
        row->start = rows->items[at - 1]->end;
    if (at < rows->count && rows->items[at]->start < row->end)
        row->end = rows->items[at]->start;
}

static const struct cfi_row *row_keep(struct cfi *cfi, uint64_t address, struct cfi_row *row)
{
    size_t size = sizeof *row + row->count * sizeof row->rules[0] + sizeof row, at;

    if (size > LIMIT_CFI_ROWS - cfi->bytes)
        forget_rows(cfi);
    if (ARRAY_RESERVE(&cfi->rows, 1, LIMIT_CFI_ROWS / sizeof *row) < 0) {
        free(row);
        return NULL;
    }
    at = rows_position(&cfi->rows, address);
    clip(&cfi->rows, at, row);
    memmove(cfi->rows.items + at + 1, cfi->rows.items + at,
            (cfi->rows.count - at) * sizeof cfi->rows.items[0]);
    cfi->rows.items[at] = row;
    cfi->rows.count++;
    cfi->bytes += size;
    return row;
}

struct effort *cfi_effort(struct cfi *cfi)
{
    return &cfi->effort;
}

static const struct cfi_row *row_make(struct cfi *cfi, uint64_t file_address)
{
    struct cfi_row *made = NULL;

    if (!effort_begin(&cfi->effort))
        return NULL;
    for (size_t i = 0; i < SECTIONS && !made; i++) {
        struct cfi_function function;

        if (cfi_section_find(&cfi->sections[i], file_address, &function))
            made = cfi_program_run(&cfi->sections[i], &function, file_address);
    }
    effort_end(&cfi->effort);
    return made ? row_keep(cfi, file_address, made) : NULL;
}

const struct cfi_row *cfi_find(struct cfi *cfi, uint64_t file_address)
{
    /* functions are aligned, calls in them are not: the low bits tell most apart */
    const struct cfi_row **recent = &cfi->recent[(file_address ^ file_address >> 8) % RECENT];
    const struct cfi_row *row = *recent;
    size_t at;

    if (row && file_address >= row->start && file_address < row->end)
        return row;
    at = rows_position(&cfi->rows, file_address);
    row = at < cfi->rows.count && cfi->rows.items[at]->start <= file_address ? cfi->rows.items[at] : NULL;
    if (!row)
        row = row_make(cfi, file_address);
    if (row)
        *recent = row;
    return row;
}

size_t cfi_size(const struct cfi *cfi)
{
    size_t size = sizeof *cfi + cfi->bytes + cfi->rows.capacity * sizeof cfi->rows.items[0];

    for (size_t i = 0; i < SECTIONS; i++)
        size += cfi->sections[i].size + cfi->sections[i].table_count * sizeof(uint64_t) +
                cfi->sections[i].index.capacity * sizeof cfi->sections[i].index.items[0];
    return size;
}
