#include "unwind/mini_debug.h"

#include <errno.h>
#include <lzma.h>

/* The output's size is known at the end only: the room for it is doubled. */
static int expand(lzma_stream *stream, char **ret_bytes, size_t *ret_size)
{
    _cleanup_free_ char *bytes = NULL;
    size_t capacity = 64 * 1024, size = 0;

    for (;;) {
        char *larger = capacity <= LIMIT_MINI_DEBUG ? realloc(bytes, capacity) : NULL;
        lzma_ret r;

        if (!larger)
            return capacity <= LIMIT_MINI_DEBUG ? -ENOMEM : -ENOENT;
        bytes = larger;
        stream->next_out = (uint8_t *)bytes + size;
        stream->avail_out = capacity - size;
        r = lzma_code(stream, LZMA_FINISH);
        size = capacity - stream->avail_out;
        if (r == LZMA_STREAM_END)
            break;
        if (r != LZMA_OK || stream->avail_out) /* there is no more input to come */
            return -ENOENT;
        capacity *= 2;
    }
    *ret_bytes = TAKE_PTR(bytes);
    *ret_size = size;
    return 0;
}

int mini_debug_open(const struct elf_file *file, struct elf_file **ret_file)
{
    _cleanup_free_ char *compressed = NULL;
    lzma_stream stream = LZMA_STREAM_INIT;
    GElf_Shdr header;
    size_t size;
    char *bytes;
    int r;

    if (!elf_file_section(file, ".gnu_debugdata", 0, &header) ||
        elf_file_read(file, &header, LIMIT_MINI_DEBUG, &compressed) < 0)
        return -ENOENT;
    if (lzma_stream_decoder(&stream, LIMIT_MINI_DEBUG, 0) != LZMA_OK)
        return -ENOMEM;
    stream.next_in = (const uint8_t *)compressed;
    stream.avail_in = header.sh_size;
    r = expand(&stream, &bytes, &size);
    lzma_end(&stream);
    if (r == 0)
        r = elf_file_of_bytes(bytes, size, ret_file);
    return r == -ENOMEM ? r : r < 0 ? -ENOENT : 0;
}
