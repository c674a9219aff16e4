/* Compressed sections (SHF_COMPRESSED; gABI, "Section Compression"): by zlib, and by zstd, which libelf 0.188
 * does not know. Expanded here and not in libelf, so that there is room behind the last byte, and no second
 * copy. */
#include "unwind/elf_file.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <zstd.h>

#ifndef ELFCOMPRESS_ZSTD
#define ELFCOMPRESS_ZSTD 2
#endif

struct compression {
    uint32_t type;
    uint64_t size, header_size;
};

static bool compression_read(const struct elf_file *file, const GElf_Shdr *section, struct compression *ret)
{
    Elf64_Chdr wide;
    Elf32_Chdr narrow;
    bool is_64 = gelf_getclass(file->elf) == ELFCLASS64;
    size_t size = is_64 ? sizeof wide : sizeof narrow;

    if (!file->memory || section->sh_size < size ||
        memory_read_exactly(file->memory, section->sh_offset, is_64 ? (void *)&wide : (void *)&narrow, size) <
            0)
        return false;
    *ret = is_64 ? (struct compression){wide.ch_type, wide.ch_size, size}
                 : (struct compression){narrow.ch_type, narrow.ch_size, size};
    return true;
}

uint64_t elf_file_expanded_size(const struct elf_file *file, const GElf_Shdr *section)
{
    struct compression compression;

    if (!(section->sh_flags & SHF_COMPRESSED))
        return section->sh_size;
    return compression_read(file, section, &compression) ? compression.size : UINT64_MAX;
}

static bool inflate_all(const char *from, size_t from_size, void *to, size_t size)
{
    struct inflate_state state;

    isal_inflate_init(&state);
    state.crc_flag = ISAL_ZLIB;
    state.next_in = (uint8_t *)from;
    state.avail_in = (uint32_t)from_size;
    state.next_out = to;
    state.avail_out = (uint32_t)size;
    return isal_inflate_stateless(&state) == ISAL_DECOMP_OK && state.avail_out == 0;
}

int elf_file_expand(const struct elf_file *file, const GElf_Shdr *section, void *bytes, size_t size)
{
    _cleanup_free_ char *compressed = NULL;
    struct compression compression;
    size_t from_size;
    int r;

    if (!(section->sh_flags & SHF_COMPRESSED))
        return section->sh_size == size && file->memory
                   ? memory_read_exactly(file->memory, section->sh_offset, bytes, size)
                   : -EIO;
    if (!compression_read(file, section, &compression) || compression.size != size || size > UINT32_MAX)
        return -EIO;
    r = elf_file_read(file, section, LIMIT_DEBUG_SECTIONS, &compressed);
    if (r < 0)
        return r;
    from_size = section->sh_size - compression.header_size;
    if (compression.type == ELFCOMPRESS_ZLIB)
        return inflate_all(compressed + compression.header_size, from_size, bytes, size) ? 0 : -EIO;
    if (compression.type == ELFCOMPRESS_ZSTD)
        return ZSTD_decompress(bytes, size, compressed + compression.header_size, from_size) == size ? 0
                                                                                                     : -EIO;
    return -EIO;
}
