/* What a program in Go says of its functions, as hostile as can be: the table in an ELF file, names and lines
 * at the starts that stand in it and around. */
#include "unwind/gopclntab.h"

#include <string.h>

enum { ADDRESSES = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct elf_file *wrap(const uint8_t *data, size_t size)
{
    static const char names[] = "\0.gopclntab\0.names";
    struct {
        Elf64_Ehdr header;
        Elf64_Shdr sections[3];
        char names[sizeof names];
    } head = {.header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                         .e_type = ET_EXEC,
#if defined __aarch64__
                         .e_machine = EM_AARCH64,
#else
                         .e_machine = EM_X86_64,
#endif
                         .e_version = EV_CURRENT,
                         .e_shoff = sizeof(Elf64_Ehdr),
                         .e_ehsize = sizeof(Elf64_Ehdr),
                         .e_shentsize = sizeof(Elf64_Shdr),
                         .e_shnum = 3,
                         .e_shstrndx = 2},
              .sections = {{0},
                           {.sh_name = 1, .sh_type = SHT_PROGBITS, .sh_offset = sizeof head, .sh_size = size},
                           {.sh_name = 12,
                            .sh_type = SHT_STRTAB,
                            .sh_offset = sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Shdr),
                            .sh_size = sizeof names}}};
    struct elf_file *file = NULL;
    char *bytes = malloc(sizeof head + size);

    if (!bytes)
        return NULL;
    memcpy(head.names, names, sizeof names);
    memcpy(bytes, &head, sizeof head);
    if (size)
        memcpy(bytes + sizeof head, data, size);
    return elf_file_of_bytes(bytes, sizeof head + size, &file) == 0 ? file : NULL;
}

static void look(const struct gopclntab *table, uint64_t address)
{
    struct go_place place, again;

    if (!gopclntab_find(table, address, true, &place))
        return;
    if (!place.function || strlen(place.function) > LIMIT_NAME || place.start > address ||
        (place.line && !place.file))
        __builtin_trap();
    if (!gopclntab_find(table, address, false, &again) || again.function != place.function || again.file)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_elf_file_ struct elf_file *file = wrap(data, size);
    struct gopclntab *table = file ? gopclntab_open(file) : NULL;

    if (!table)
        return 0;
    for (size_t i = 0; i + 8 <= size && i < 8 * ADDRESSES; i += 4) {
        uint64_t word;
        uint32_t half;

        memcpy(&word, data + i, sizeof word);
        memcpy(&half, data + i, sizeof half);
        look(table, word);
        look(table, half);
        look(table, 0x401000 + half);
        look(table, 0x401000 + half + 3);
    }
    look(table, 0);
    look(table, UINT64_MAX);
    gopclntab_free(table);
    return 0;
}
