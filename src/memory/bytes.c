/* Memory made of bytes at hand: for tests, and for files that are mapped or read already. */
#include "memory/memory.h"

#include <errno.h>
#include <string.h>

struct bytes_memory {
    struct memory memory;
    uint64_t base;
    const char *bytes;
    size_t size;
};

static ssize_t bytes_read(const struct memory *memory, uint64_t address, void *bytes, size_t size)
{
    const struct bytes_memory *self = (const struct bytes_memory *)memory;
    size_t offset;

    if (address < self->base || address - self->base >= self->size)
        return -EIO;
    offset = (size_t)(address - self->base);
    if (size > self->size - offset)
        size = self->size - offset;
    memcpy(bytes, self->bytes + offset, size);
    return (ssize_t)size;
}

static void bytes_free(struct memory *memory)
{
    free(memory);
}

static const struct memory_ops bytes_ops = {.name = "bytes", .read = bytes_read, .free = bytes_free};

int memory_bytes_new(uint64_t base, const void *bytes, size_t size, struct memory **ret_memory)
{
    struct bytes_memory *self = malloc(sizeof *self);

    if (!self)
        return -ENOMEM;
    *self = (struct bytes_memory){.memory.ops = &bytes_ops, .base = base, .bytes = bytes, .size = size};
    *ret_memory = &self->memory;
    return 0;
}
