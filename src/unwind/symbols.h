/* The functions of a file by address, out of its symbol tables. Names stay as they stand there. */
#pragma once

#include "unwind/elf_file.h"

struct symbols;

struct symbols *symbols_new(void);          /* NULL: no memory */
void symbols_free(struct symbols *symbols); /* accepts NULL */

/* Adds the file's functions out of its table of that type (SHT_SYMTAB, SHT_DYNSYM). The file may go
 * afterwards. -ENOENT: it has none. */
int symbols_add(struct symbols *symbols, const struct elf_file *file, uint32_t type) _must_check_;
/* The same of a table that was read already: entries of 64 bits. strings is from malloc, ends in a NUL, and
 * is taken over whatever comes of it. Functions without a size end where the next begins, or at `end`. */
int symbols_add_read(struct symbols *symbols, const Elf64_Sym *entries, size_t count, char *strings,
                     size_t strings_size, uint64_t end) _must_check_;
/* Those of a file of 64 bits that has no section table, as a loader finds them. -ENOENT. */
int symbols_add_dynamic(struct symbols *symbols, const struct elf_file *file) _must_check_;
/* Entries of the procedure linkage table, as "name@plt". -ENOENT, as of machines other than x86-64. */
int symbols_add_plt(struct symbols *symbols, const struct elf_file *file) _must_check_;
/* Once, when all are there. */
void symbols_sort(struct symbols *symbols);

/* The function that address lies in: one with a size before one without, of several at one address the global
 * before the weak before the local, then the one with fewest underscores ahead, then the shortest. ret_name
 * is borrowed, with a symbol version ("@GLIBC_2.2.5") where the table has it. */
bool symbols_find(const struct symbols *symbols, uint64_t address, const char **ret_name,
                  uint64_t *ret_start);
size_t symbols_count(const struct symbols *symbols);
size_t symbols_size(const struct symbols *symbols); /* bytes that they take */
