#include "capture/code_memory.h"

#include "base/sorted.h"

#include <errno.h>
#include <fcntl.h>

struct code_memory {
    struct memory memory;
    struct memory *live; /* owned */
    size_t count;
    struct memory_range ranges[]; /* ascending */
};

static ssize_t code_read(const struct memory *memory, uint64_t address, void *bytes, size_t size)
{
    const struct code_memory *self = (const struct code_memory *)memory;
    size_t at = SORTED_UP_TO(self->ranges, self->count, end, address);

    if (at == self->count || address < self->ranges[at].start)
        return -EIO;
    if (size > self->ranges[at].end - address)
        size = self->ranges[at].end - address;
    return memory_read(self->live, address, bytes, size);
}

static void code_free(struct memory *memory)
{
    struct code_memory *self = (struct code_memory *)memory;

    memory_free(self->live);
    free(self);
}

int code_memory_new(const struct pidref *process, const struct map_list *maps, struct memory **ret_memory)
{
    static const struct memory_ops ops = {.name = "code", .read = code_read, .free = code_free};
    _cleanup_free_ struct code_memory *self = calloc(1, sizeof *self + maps->count * sizeof self->ranges[0]);
    _cleanup_close_ int fd = openat(process->dir_fd, "mem", O_RDONLY | O_CLOEXEC);
    int r;

    if (!self)
        return -ENOMEM;
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    self->memory.ops = &ops;
    for (size_t i = 0; i < maps->count; i++) {
        const struct map *map = &maps->items[i];
        struct memory_range *last = self->count > 0 ? &self->ranges[self->count - 1] : NULL;

        if ((map->permissions & (MAP_READ | MAP_WRITE)) != MAP_READ)
            continue;
        if (last && last->end == map->start)
            last->end = map->end;
        else
            self->ranges[self->count++] = (struct memory_range){map->start, map->end};
    }
    r = memory_fd_new(fd, &self->live);
    if (r < 0)
        return r;
    (void)TAKE_FD(fd); /* the memory's now */
    *ret_memory = &TAKE_PTR(self)->memory;
    return 0;
}
