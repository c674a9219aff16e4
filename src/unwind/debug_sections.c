#include "unwind/debug_sections.h"

#include <string.h>

enum { SECTIONS_MAX = 16, NAMES_SIZE = 512, ALIGNMENT = 16 };

/* The file that is put together: header, contents, names, section table. Behind each section's contents
 * stands a NUL at least: libdw reads strings of .debug_info to their end, wherever that is. */
struct draft {
    Elf64_Shdr headers[SECTIONS_MAX + 2]; /* none, then those of the file, then the names */
    GElf_Shdr origins[SECTIONS_MAX + 2];  /* what they are in it */
    char names[NAMES_SIZE];
    size_t count, names_size, size;
};

static uint64_t align(uint64_t offset)
{
    return (offset + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
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
    uint64_t size;

    if (draft->count == SECTIONS_MAX + 1 || !elf_file_section(file, name, 0, &header))
        return true;
    size = elf_file_expanded_size(file, &header);
    if (!size)
        return true;
    if (draft->size >= LIMIT_DEBUG_SECTIONS || size > LIMIT_DEBUG_SECTIONS - draft->size)
        return false;
    draft->headers[draft->count] = (Elf64_Shdr){
        .sh_name = (Elf64_Word)name_add(draft, name),
        .sh_type = SHT_PROGBITS,
        .sh_addr = header.sh_addr,
        .sh_offset = draft->size,
        .sh_size = size,
        .sh_addralign = 1,
    };
    draft->origins[draft->count++] = header;
    draft->size = align(draft->size + size + 1);
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
    for (size_t i = 1; i < draft->count; i++) {
        size_t end = draft->headers[i].sh_offset + draft->headers[i].sh_size;

        if (elf_file_expand(file, &draft->origins[i], bytes + draft->headers[i].sh_offset,
                            draft->headers[i].sh_size) < 0)
            return NULL;
        memset(bytes + end, 0, align(end + 1) - end);
    }
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

        if (__builtin_add_overflow(draft->origins[i].sh_offset, draft->origins[i].sh_size, &end) ||
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
    sections->size = draft.size;
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
        data = elf_getdata(section, NULL);
        if (!data || !data->d_buf)
            return false;
        *ret_bytes = data->d_buf;
        *ret_size = data->d_size;
        return true;
    }
    return false;
}
