#include "memory/memory.h"

#include <errno.h>
#include <string.h>

ssize_t memory_read(const struct memory *memory, uint64_t address, void *bytes, size_t size)
{
    if (size == 0)
        return 0;
    if (size - 1 > UINT64_MAX - address)
        size = (size_t)(UINT64_MAX - address) + 1; /* no address space wraps */
    return memory->ops->read(memory, address, bytes, size);
}

void memory_free(struct memory *memory)
{
    if (memory)
        memory->ops->free(memory);
}

int memory_read_exactly(const struct memory *memory, uint64_t address, void *bytes, size_t size)
{
    ssize_t n = memory_read(memory, address, bytes, size);
    if (n < 0)
        return (int)n;
    return (size_t)n == size ? 0 : -EIO;
}

int memory_read_u16(const struct memory *memory, uint64_t address, uint16_t *ret_value)
{
    uint16_t value;
    int r = memory_read_exactly(memory, address, &value, sizeof value);
    if (r == 0)
        *ret_value = value;
    return r;
}

int memory_read_u32(const struct memory *memory, uint64_t address, uint32_t *ret_value)
{
    uint32_t value;
    int r = memory_read_exactly(memory, address, &value, sizeof value);
    if (r == 0)
        *ret_value = value;
    return r;
}

int memory_read_u64(const struct memory *memory, uint64_t address, uint64_t *ret_value)
{
    uint64_t value;
    int r = memory_read_exactly(memory, address, &value, sizeof value);
    if (r == 0)
        *ret_value = value;
    return r;
}

int memory_read_string(const struct memory *memory, uint64_t address, char *text, size_t size)
{
    ssize_t n;

    if (size == 0)
        return -ENAMETOOLONG;
    n = memory_read(memory, address, text, size);
    if (n >= 0 && memchr(text, '\0', (size_t)n))
        return 0;
    text[0] = '\0';
    if (n < 0)
        return (int)n;
    return (size_t)n == size ? -ENAMETOOLONG : -EIO;
}

size_t memory_read_padded(const struct memory *memory, uint64_t address, void *bytes, size_t size,
                          size_t page_size)
{
    size_t done = 0, were_read = 0;

    while (done < size) {
        char *to = (char *)bytes + done;
        ssize_t n = memory_read(memory, address + done, to, size - done);
        size_t gap;

        if (n > 0) {
            done += (size_t)n;
            were_read += (size_t)n;
            continue;
        }
        gap = page_size - ((address + done) & (page_size - 1));
        if (n == -ESRCH || gap > size - done)
            gap = size - done;
        memset(to, 0, gap);
        done += gap;
    }
    return were_read;
}

size_t memory_read_many_padded(const struct memory *memory, const struct memory_piece_read *pieces,
                               size_t count, size_t page_size)
{
    size_t were_read = 0, done = 0;
    bool many = memory->ops->read_many != NULL;

    while (done < count) {
        const struct memory_piece_read *piece = &pieces[done];
        size_t whole = many ? memory->ops->read_many(memory, piece, count - done) : 0, n;

        for (size_t i = 0; i < whole; i++)
            were_read += pieces[done++].size;
        if (whole > 0 || done == count)
            continue;
        n = memory_read_padded(memory, piece->address, piece->bytes, piece->size, page_size);
        many = many && n < piece->size; /* else it is not the piece that stands in the way */
        were_read += n;
        done++;
    }
    return were_read;
}
