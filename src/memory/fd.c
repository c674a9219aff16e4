/* Memory behind a descriptor: a file, or /proc/PID/mem. */
#include "base/io.h"
#include "memory/memory.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/vfs.h>

struct fd_memory {
    struct memory memory;
    int fd;
    bool of_process;
};

static ssize_t fd_read(const struct memory *memory, uint64_t address, void *bytes, size_t size)
{
    const struct fd_memory *self = (const struct fd_memory *)memory;
    ssize_t n;

    /* pread takes a signed offset: the [vsyscall] page lies beyond, and is not in /proc/PID/mem anyway */
    if (address > INT64_MAX)
        return -EIO;
    if (size - 1 > INT64_MAX - address)
        size = (size_t)(INT64_MAX - address) + 1;
    n = io_pread_full(self->fd, bytes, size, (off_t)address);
    if (n != 0)
        return n;
    /* /proc/PID/mem has no end: it reads 0 bytes once the process has given up its memory */
    return self->of_process ? -ESRCH : -EIO;
}

static void fd_free(struct memory *memory)
{
    struct fd_memory *self = (struct fd_memory *)memory;

    self->fd = fd_close(self->fd);
    free(self);
}

static const struct memory_ops fd_ops = {.name = "fd", .read = fd_read, .free = fd_free};

int memory_fd_new(int fd, struct memory **ret_memory)
{
    struct statfs facts;
    struct fd_memory *self;

    if (fstatfs(fd, &facts) < 0)
        return -errno;
    self = malloc(sizeof *self);
    if (!self)
        return -ENOMEM;
    *self =
        (struct fd_memory){.memory.ops = &fd_ops, .fd = fd, .of_process = facts.f_type == PROC_SUPER_MAGIC};
    *ret_memory = &self->memory;
    return 0;
}
