/* An ELF file in libelf's hands. The file is read, never mapped: one that shrinks would end us by SIGBUS. And
 * it is looked at before libelf sees it, which takes as much memory as the file's tables claim to need. */
#pragma once

#include "base/limits.h"
#include "memory/memory.h"

#include <gelf.h>

struct elf_file {
    Elf *elf;
    struct memory *memory; /* its bytes at their offsets; NULL: it was closed */
    void *bytes;           /* owned, where it is no file */
    uint16_t type, machine;
    uint64_t load_address; /* lowest p_vaddr of PT_LOAD, rounded down to its page */
    uint8_t build_id[LIMIT_BUILD_ID];
    size_t build_id_size; /* 0: none */
    bool is_given;        /* by whoever has mapped what belongs to it: in its directory, or its root */
};

/* fd is taken over whatever comes of it. -ENOEXEC: no program or library of ELF, or of another kind of
 * machine. */
int elf_file_open(int fd, struct elf_file **ret_file) _must_check_;
/* The same of bytes from malloc, which are taken over whatever comes of it. */
int elf_file_of_bytes(void *bytes, size_t size, struct elf_file **ret_file) _must_check_;
void elf_file_free(struct elf_file *file); /* accepts NULL */

/* Gives the descriptor back. What libelf has read stays, and nothing more can be read. */
void elf_file_close(struct elf_file *file);

/* The section of that name or (name NULL) the first of that type. False: there is none with contents. */
bool elf_file_section(const struct elf_file *file, const char *name, uint32_t type, GElf_Shdr *ret_header);
/* The contents of a section, with a NUL behind them. Owned by the caller. -EFBIG past limit, -EIO. */
int elf_file_read(const struct elf_file *file, const GElf_Shdr *section, size_t limit,
                  char **ret_bytes) _must_check_;

/* How many bytes of contents it has, not compressed; UINT64_MAX: it can't be told. */
uint64_t elf_file_expanded_size(const struct elf_file *file, const GElf_Shdr *section);
/* Those bytes, not compressed. -EIO: there are not as many. */
int elf_file_expand(const struct elf_file *file, const GElf_Shdr *section, void *bytes,
                    size_t size) _must_check_;

static inline void cleanup_elf_file(struct elf_file **file)
{
    elf_file_free(*file);
}
#define _cleanup_elf_file_ _cleanup_(cleanup_elf_file)
