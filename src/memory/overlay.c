/* One memory, but for some ranges that come from another. */
#include "base/sorted.h"
#include "memory/memory.h"

#include <errno.h>
#include <string.h>

struct overlay_memory {
    struct memory memory;
    const struct memory *base, *over;
    size_t count;
    struct memory_range ranges[];
};

/* The first range that ends behind address; count: none. */
static size_t find_range(const struct overlay_memory *self, uint64_t address)
{
    return SORTED_UP_TO(self->ranges, self->count, end, address);
}

static ssize_t overlay_read(const struct memory *memory, uint64_t address, void *bytes, size_t size)
{
    const struct overlay_memory *self = (const struct overlay_memory *)memory;
    size_t done = 0;

    for (size_t i = find_range(self, address); done < size;) {
        uint64_t at = address + done, left = size - done;
        const struct memory *from = self->base;
        ssize_t n;

        if (i < self->count && self->ranges[i].start <= at) {
            from = self->over;
            left = left < self->ranges[i].end - at ? left : self->ranges[i].end - at;
            i++;
        } else if (i < self->count && self->ranges[i].start - at < left) {
            left = self->ranges[i].start - at;
        }
        n = memory_read(from, at, (char *)bytes + done, (size_t)left);
        if (n == -ESRCH && from == self->over)
            n = -EIO; /* gone is what is gone from the base */
        if (n < 0)
            return done > 0 ? (ssize_t)done : n;
        done += (size_t)n;
        if ((size_t)n < left)
            break;
    }
    return (ssize_t)done;
}

static void overlay_free(struct memory *memory)
{
    free(memory);
}

static const struct memory_ops overlay_ops = {.name = "overlay", .read = overlay_read, .free = overlay_free};

int memory_overlay_new(const struct memory *base, const struct memory *over,
                       const struct memory_range *ranges, size_t count, struct memory **ret_memory)
{
    struct overlay_memory *self = malloc(sizeof *self + count * sizeof self->ranges[0]);

    if (!self)
        return -ENOMEM;
    *self = (struct overlay_memory){.memory.ops = &overlay_ops, .base = base, .over = over, .count = count};
    if (count > 0)
        memcpy(self->ranges, ranges, count * sizeof ranges[0]);
    *ret_memory = &self->memory;
    return 0;
}
