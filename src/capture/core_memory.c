#include "capture/core_memory.h"

#include "base/sorted.h"

#include <errno.h>
#include <stdlib.h>

struct core_memory {
    struct memory memory;
    int fd;
    struct core_segment_list segments; /* ascending; where they overlap the first one counts */
};

/* The last that begins at or before address; NULL: none. */
static const struct core_segment *find(const struct core_memory *self, uint64_t address)
{
    size_t begun = SORTED_UP_TO(self->segments.items, self->segments.count, start, address);

    return begun > 0 ? &self->segments.items[begun - 1] : NULL;
}

static ssize_t core_read(const struct memory *memory, uint64_t address, void *bytes, size_t size)
{
    const struct core_memory *self = (const struct core_memory *)memory;
    size_t done = 0;

    while (done < size) {
        const struct core_segment *segment = find(self, address + done);
        uint64_t inside = segment ? address + done - segment->start : 0, left;
        ssize_t n;

        if (!segment || inside >= segment->size || inside > (uint64_t)INT64_MAX - segment->offset)
            break;
        left = segment->size - inside;
        left = left < size - done ? left : size - done;
        n = pread(self->fd, (char *)bytes + done, left, (off_t)(segment->offset + inside));
        if (n <= 0) /* a file that was cut */
            break;
        done += (size_t)n;
    }
    return done > 0 || size == 0 ? (ssize_t)done : -EIO;
}

static void core_free(struct memory *memory)
{
    struct core_memory *self = (struct core_memory *)memory;

    free(self->segments.items);
    free(self);
}

static int by_start(const void *left, const void *right)
{
    const struct core_segment *a = left, *b = right;

    return (a->start > b->start) - (a->start < b->start);
}

int core_memory_new(int fd, struct core_segment_list *segments, struct memory **ret_memory)
{
    static const struct memory_ops ops = {.name = "core", .read = core_read, .free = core_free};
    struct core_memory *self = calloc(1, sizeof *self);

    if (!self)
        return -ENOMEM;
    self->memory.ops = &ops;
    self->fd = fd;
    self->segments = *segments;
    *segments = (struct core_segment_list){0};
    if (self->segments.count > 0)
        qsort(self->segments.items, self->segments.count, sizeof self->segments.items[0], by_start);
    *ret_memory = &self->memory;
    return 0;
}
