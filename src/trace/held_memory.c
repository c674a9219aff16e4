/* The memory of a process that is held for a limited time only: gone once that has passed, since what is read
 * from then on is of another moment. */
#include "trace/trace_parts.h"

#include <errno.h>

struct held_memory {
    struct memory memory;
    struct memory *of; /* owned */
    const struct hold *hold;
};

static ssize_t held_read(const struct memory *memory, uint64_t address, void *bytes, size_t size)
{
    const struct held_memory *self = (const struct held_memory *)memory;
    ssize_t n = memory_read(self->of, address, bytes, size);

    return atomic_load(&self->hold->ran_out) ? -ESRCH : n; /* looked at behind the read, so before is well */
}

static void held_free(struct memory *memory)
{
    memory_free(((struct held_memory *)memory)->of);
    free(memory);
}

static const struct memory_ops held_ops = {.name = "held", .read = held_read, .free = held_free};

int held_memory_new(struct memory *of, const struct hold *hold, struct memory **ret_memory)
{
    struct held_memory *self = malloc(sizeof *self);

    if (!self)
        return -ENOMEM;
    *self = (struct held_memory){.memory.ops = &held_ops, .of = of, .hold = hold};
    *ret_memory = &self->memory;
    return 0;
}
