#include "unwind/debug_sections.h"

#include <string.h>

enum { SECTIONS_MAX = 16, NAMES_SIZE = 512, ALIGNMENT = 16 };

/* The file that is put together: header, contents, names, section table. */
struct draft {
    Elf64_Shdr headers[SECTIONS_MAX + 2]; /* none, then those of the file, then the names */
    uint64_t origins[SECTIONS_MAX + 2];   /* where they are in it */
    char names[NAMES_SIZE];
    size_t count, names_size, size;
    uint64_t expanded; /* bytes, once nothing is compressed ... */
    uint64_t added;    /* ... and of that beside the file */
};

static uint64_t align(uint64_t offset)
{
    return (offset + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* How many bytes of contents it has; UINT64_MAX: it can't be told. */
static uint64_t expanded_size(const struct elf_file *file, const GElf_Shdr *header)
{
    Elf64_Chdr compression;

    if (!(header->sh_flags & SHF_COMPRESSED))
        return header->sh_size;
    if (gelf_getclass(file->elf) != ELFCLASS64 || header->sh_size < sizeof compression ||
        memory_read_exactly(file->memory, header->sh_offset, &compression, sizeof compression) < 0)
        return UINT64_MAX;
    return compression.ch_size;
}

static size_t name_add(struct draft *draft, const char *name)
{
    size_t at = draft->names_size, size = strlen(name) + 1;

    if (size > sizeof draft->names - at)
        return 0;
    memcpy(draft->names + at, name, size);
    draft->names_size += size;
    return at;
}

/* False: past the limits. */
static bool section_add(struct draft *draft, const struct elf_file *file, const char *name)
{
    GElf_Shdr header;
    uint64_t expanded, size;

    if (draft->count == SECTIONS_MAX + 1 || !elf_file_section(file, name, 0, &header))
        return true;
    expanded = expanded_size(file, &header);
    if (expanded > LIMIT_DEBUG_SECTIONS - draft->expanded ||
        header.sh_size > LIMIT_DEBUG_SECTIONS - draft->size)
        return false;
    size = header.sh_size;
    draft->headers[draft->count] = (Elf64_Shdr){
        .sh_name = (Elf64_Word)name_add(draft, name),
        .sh_type = SHT_PROGBITS,
        .sh_flags = header.sh_flags & SHF_COMPRESSED,
        .sh_addr = header.sh_addr,
        .sh_offset = draft->size,
        .sh_size = size,
        .sh_addralign = 1,
    };
    draft->origins[draft->count++] = header.sh_offset;
    draft->expanded += expanded;
    draft->added += header.sh_flags & SHF_COMPRESSED ? expanded : 0;
    draft->size = align(draft->size + size);
    return true;
}

/* The whole file, or NULL. */
static char *draft_write(struct draft *draft, const struct elf_file *file)
{
    size_t tables = draft->size + NAMES_SIZE, size = tables + (draft->count + 1) * sizeof(Elf64_Shdr);
    _cleanup_free_ char *bytes = malloc(size);
    Elf64_Ehdr header = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = file->type,
        .e_machine = file->machine,
        .e_version = EV_CURRENT,
        .e_shoff = tables,
        .e_ehsize = sizeof header,
        .e_shentsize = sizeof(Elf64_Shdr),
        .e_shnum = (Elf64_Half)(draft->count + 1),
        .e_shstrndx = (Elf64_Half)draft->count,
    };

    if (!bytes)
        return NULL;
    draft->headers[draft->count] = (Elf64_Shdr){
        .sh_name = (Elf64_Word)name_add(draft, ".shstrtab"),
        .sh_type = SHT_STRTAB,
        .sh_offset = draft->size,
        .sh_size = NAMES_SIZE,
        .sh_addralign = 1,
    };
    memcpy(bytes, &header, sizeof header);
    for (size_t i = 1; i < draft->count; i++)
        if (memory_read_exactly(file->memory, draft->origins[i], bytes + draft->headers[i].sh_offset,
                                draft->headers[i].sh_size) < 0)
            return NULL;
    memcpy(bytes + draft->size, draft->names, NAMES_SIZE);
    memcpy(bytes + tables, draft->headers, (draft->count + 1) * sizeof(Elf64_Shdr));
    draft->size = size;
    return TAKE_PTR(bytes);
}

/* Its last byte before memory for all: there may be less than it says. */
static bool is_there(const struct elf_file *file, const struct draft *draft)
{
    for (size_t i = 1; i < draft->count; i++) {
        uint64_t end;
        char last;

        if (!draft->headers[i].sh_size ||
            __builtin_add_overflow(draft->origins[i], draft->headers[i].sh_size, &end) ||
            memory_read_exactly(file->memory, end - 1, &last, 1) < 0)
            return false;
    }
    return true;
}

struct debug_sections *debug_sections_open(const struct elf_file *file, const char *const *names)
{
    struct draft draft = {.count = 1, .names_size = 1, .size = align(sizeof(Elf64_Ehdr))};
    struct debug_sections *sections;

    if (!file->memory)
        return NULL;
    for (size_t i = 0; names[i]; i++)
        if (!section_add(&draft, file, names[i]))
            return NULL;
    if (draft.count == 1 || !is_there(file, &draft))
        return NULL;
    sections = calloc(1, sizeof *sections);
    if (!sections)
        return NULL;
    sections->bytes = draft_write(&draft, file);
    sections->size = draft.size + draft.added;
    if (sections->bytes)
        sections->elf = elf_memory(sections->bytes, draft.size);
    if (sections->elf)
        sections->dwarf = dwarf_begin_elf(sections->elf, DWARF_C_READ, NULL);
    if (!sections->dwarf) {
        debug_sections_free(sections);
        return NULL;
    }
    return sections;
}

void debug_sections_free(struct debug_sections *sections)
{
    if (!sections)
        return;
    (void)dwarf_end(sections->dwarf); /* accepts NULL, as the next */
    (void)elf_end(sections->elf);
    free(sections->bytes);
    free(sections);
}

bool debug_sections_find(const struct debug_sections *sections, const char *name, const uint8_t **ret_bytes,
                         size_t *ret_size)
{
    size_t names;

    if (elf_getshdrstrndx(sections->elf, &names) < 0)
        return false;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(sections->elf, section));) {
        GElf_Shdr header;
        const char *own =
            gelf_getshdr(section, &header) ? elf_strptr(sections->elf, names, header.sh_name) : NULL;
        const Elf_Data *data;

        if (!own || strcmp(own, name) != 0)
            continue;
        data = header.sh_flags & SHF_COMPRESSED ? NULL : elf_getdata(section, NULL);
        if (!data || !data->d_buf)
            return false;
        *ret_bytes = data->d_buf;
        *ret_size = data->d_size;
        return true;
    }
    return false;
}
