#include "unwind/elf_file.h"

#include "base/io.h"
#include "elf/image.h"

#include <errno.h>
#include <string.h>

#define SECTION_NAMES_MAX                                                                                    \
    (4u * 1024 * 1024) /* bytes; of a browser with a section a function still enough                         \
                        */

/* Those that a process on this machine can be of. */
static bool machine_fits(uint16_t machine)
{
#if defined __x86_64__
    return machine == EM_X86_64 || machine == EM_386;
#elif defined __aarch64__
    return machine == EM_AARCH64 || machine == EM_ARM;
#else
    return true;
#endif
}

struct section_table {
    uint64_t offset, count;
    uint32_t names; /* index of the section that holds the names */
    bool is_64;
};

static bool section_read(const struct memory *memory, const struct section_table *table, uint64_t index,
                         uint64_t *ret_size, uint32_t *ret_link)
{
    Elf64_Shdr wide;
    Elf32_Shdr narrow;
    uint64_t at, size = table->is_64 ? sizeof wide : sizeof narrow;

    if (__builtin_add_overflow(table->offset, index * size, &at) ||
        memory_read_exactly(memory, at, table->is_64 ? (void *)&wide : (void *)&narrow, size) < 0)
        return false;
    *ret_size = table->is_64 ? wide.sh_size : narrow.sh_size;
    *ret_link = table->is_64 ? wide.sh_link : narrow.sh_link;
    return true;
}

/* libelf makes an array of as many sections as the file says, which in its long form is any number, and reads
 * their names whole. */
static bool sections_bounded(const struct memory *memory)
{
    union {
        unsigned char ident[EI_NIDENT];
        Elf64_Ehdr wide;
        Elf32_Ehdr narrow;
    } header;
    struct section_table table;
    uint64_t size = 0;
    uint32_t link = 0;

    if (memory_read_exactly(memory, 0, &header, sizeof header.narrow) < 0)
        return false;
    table.is_64 = header.ident[EI_CLASS] == ELFCLASS64;
    if (table.is_64 && memory_read_exactly(memory, 0, &header, sizeof header.wide) < 0)
        return false;
    table.offset = table.is_64 ? header.wide.e_shoff : header.narrow.e_shoff;
    table.count = table.is_64 ? header.wide.e_shnum : header.narrow.e_shnum;
    table.names = table.is_64 ? header.wide.e_shstrndx : header.narrow.e_shstrndx;
    if (table.offset && (table.count == 0 || table.names == SHN_XINDEX)) {
        if (!section_read(memory, &table, 0, &size, &link))
            return true; /* libelf can't read it either, and takes the file for one without sections */
        table.count = table.count ? table.count : size;
        table.names = table.names == SHN_XINDEX ? link : table.names;
    }
    if (table.count > LIMIT_ELF_SECTIONS)
        return false;
    return table.names >= table.count || !section_read(memory, &table, table.names, &size, &link) ||
           size <= SECTION_NAMES_MAX;
}

static int file_check(struct elf_file *file)
{
    _cleanup_elf_image_ struct elf_image image = {0};
    int r = elf_image_read(file->memory, 0, false, &image);

    if (r < 0)
        return r;
    if ((image.type != ET_DYN && image.type != ET_EXEC) || !machine_fits(image.machine) ||
        !sections_bounded(file->memory))
        return -ENOEXEC;
    file->type = image.type;
    file->machine = image.machine;
    file->load_address = image.load_address;
    memcpy(file->build_id, image.build_id, image.build_id_size);
    file->build_id_size = image.build_id_size;
    return 0;
}

static int file_new(struct memory *memory, int fd, void *bytes, size_t size, struct elf_file **ret_file)
{
    _cleanup_elf_file_ struct elf_file *file = calloc(1, sizeof *file);
    int r;

    if (!file) {
        memory_free(memory);
        free(bytes);
        return -ENOMEM;
    }
    file->memory = memory;
    file->bytes = bytes;
    r = file_check(file);
    if (r < 0)
        return r;
    (void)elf_version(EV_CURRENT); /* the library wants to be told; it knows no other */
    file->elf = bytes ? elf_memory(bytes, size) : elf_begin(fd, ELF_C_READ, NULL);
    if (!file->elf || elf_kind(file->elf) != ELF_K_ELF)
        return -ENOEXEC;
    *ret_file = TAKE_PTR(file);
    return 0;
}

int elf_file_open(int fd, struct elf_file **ret_file)
{
    struct memory *memory;
    int r = memory_fd_new(fd, &memory);

    if (r < 0) {
        (void)fd_close(fd);
        return r;
    }
    return file_new(memory, fd, NULL, 0, ret_file);
}

int elf_file_of_bytes(void *bytes, size_t size, struct elf_file **ret_file)
{
    struct memory *memory;
    int r = memory_bytes_new(0, bytes, size, &memory);

    if (r < 0) {
        free(bytes);
        return r;
    }
    return file_new(memory, -1, bytes, size, ret_file);
}

void elf_file_close(struct elf_file *file)
{
    if (file->bytes || !file->memory)
        return;
    (void)elf_cntl(file->elf, ELF_C_FDDONE); /* what can't be read any more is missing there */
    memory_free(file->memory);
    file->memory = NULL;
}

void elf_file_free(struct elf_file *file)
{
    if (!file)
        return;
    (void)elf_end(file->elf); /* accepts NULL */
    memory_free(file->memory);
    free(file->bytes);
    free(file);
}

bool elf_file_section(const struct elf_file *file, const char *name, uint32_t type, GElf_Shdr *ret_header)
{
    size_t names;

    if (elf_getshdrstrndx(file->elf, &names) < 0)
        return false;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(file->elf, section));) {
        GElf_Shdr header;
        const char *found;

        if (!gelf_getshdr(section, &header) || header.sh_type == SHT_NOBITS || header.sh_type == SHT_NULL)
            continue;
        if (!name && header.sh_type != type)
            continue;
        found = name ? elf_strptr(file->elf, names, header.sh_name) : NULL;
        if (name && (!found || strcmp(found, name) != 0))
            continue;
        *ret_header = header;
        return true;
    }
    return false;
}

int elf_file_read(const struct elf_file *file, const GElf_Shdr *section, size_t limit, char **ret_bytes)
{
    _cleanup_free_ char *bytes = NULL;
    char last;
    int r;

    if (section->sh_size > limit)
        return -EFBIG;
    if (!file->memory || !section->sh_size || section->sh_offset > UINT64_MAX - section->sh_size)
        return -EIO;
    /* Its last byte before memory for all: there may be less than it says. */
    r = memory_read_exactly(file->memory, section->sh_offset + section->sh_size - 1, &last, 1);
    if (r < 0)
        return r;
    bytes = malloc(section->sh_size + 1);
    if (!bytes)
        return -ENOMEM;
    r = memory_read_exactly(file->memory, section->sh_offset, bytes, section->sh_size);
    if (r < 0)
        return r;
    bytes[section->sh_size] = '\0';
    *ret_bytes = TAKE_PTR(bytes);
    return 0;
}
