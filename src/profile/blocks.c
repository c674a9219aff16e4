#include "profile/blocks.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

void block_release(struct block *block)
{
    buffer_release(&block->bytes);
}

void block_put(struct block *block, const void *bytes, size_t size)
{
    if (block->error == 0)
        block->error = buffer_append(&block->bytes, bytes, size);
}

void block_u8(struct block *block, uint8_t value)
{
    block_put(block, &value, sizeof value);
}

void block_u16(struct block *block, uint16_t value)
{
    value = htole16(value);
    block_put(block, &value, sizeof value);
}

void block_u32(struct block *block, uint32_t value)
{
    value = htole32(value);
    block_put(block, &value, sizeof value);
}

void block_u64(struct block *block, uint64_t value)
{
    value = htole64(value);
    block_put(block, &value, sizeof value);
}

void block_varint(struct block *block, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        block_u8(block, (uint8_t)(value | 0x80));
    block_u8(block, (uint8_t)value);
}

void block_string(struct block *block, const char *text)
{
    size_t size = strlen(text);

    block_varint(block, size);
    block_put(block, text, size);
}

void block_short_string(struct block *block, const char *text)
{
    size_t size = strnlen(text, UINT16_MAX);

    block_u16(block, (uint16_t)size);
    block_put(block, text, size);
}

void block_row(struct block *block, struct block *inner)
{
    if (block->error == 0)
        block->error = inner->error ? inner->error : inner->bytes.size > UINT16_MAX ? -EOVERFLOW : 0;
    block_u16(block, (uint16_t)inner->bytes.size);
    block_put(block, inner->bytes.data, inner->bytes.size);
    buffer_clear(&inner->bytes);
}

int block_write(struct block *block, enum block_kind kind, struct sink *sink)
{
    uint32_t head = htole32((uint32_t)block->bytes.size | (uint32_t)kind << 24);
    int r = block->error;

    if (r == 0 && block->bytes.size >> 24)
        r = -EOVERFLOW;
    if (r == 0)
        r = sink_write(sink, &head, sizeof head);
    if (r == 0)
        r = sink_write(sink, block->bytes.data, block->bytes.size);
    buffer_clear(&block->bytes);
    return r;
}
