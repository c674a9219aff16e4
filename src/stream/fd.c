/* A sink to a descriptor of the caller. */
#include "base/io.h"
#include "stream/sink.h"

#include <errno.h>
#include <fcntl.h>

struct fd_sink {
    struct sink sink;
    int fd;
    struct io_pace pace;
};

static int fd_write(struct sink *sink, const void *bytes, size_t size)
{
    struct fd_sink *self = (struct fd_sink *)sink;

    return io_write_paced(self->fd, bytes, size, &self->pace);
}

static void fd_free(struct sink *sink)
{
    free(sink);
}

static const struct sink_ops fd_ops = {.name = "fd", .write = fd_write, .free = fd_free};

int sink_fd_new(int fd, int stall_ms, struct sink **ret_sink)
{
    return sink_fd_paced_new(fd, stall_ms, 0, ret_sink);
}

int sink_fd_paced_new(int fd, int stall_ms, uint64_t min_rate, struct sink **ret_sink)
{
    int flags = fcntl(fd, F_GETFL);
    struct fd_sink *self;

    if (flags < 0)
        return -errno;
    /* a write that blocks in the kernel can't be given up after a while */
    if (stall_ms >= 0 && !(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    self = malloc(sizeof *self);
    if (!self)
        return -ENOMEM;
    *self =
        (struct fd_sink){.sink.ops = &fd_ops, .fd = fd, .pace = {.stall_ms = stall_ms, .min_rate = min_rate}};
    *ret_sink = &self->sink;
    return 0;
}
