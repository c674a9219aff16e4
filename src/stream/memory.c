/* A sink to a buffer of the caller. */
#include "stream/sink.h"

#include <errno.h>

struct memory_sink {
    struct sink sink;
    struct buffer *buffer;
};

static int memory_write(struct sink *sink, const void *bytes, size_t size)
{
    struct memory_sink *self = (struct memory_sink *)sink;
    int r = buffer_append(self->buffer, bytes, size);

    return r == -ENOBUFS ? -EFBIG : r;
}

static void memory_sink_free(struct sink *sink)
{
    free(sink);
}

static const struct sink_ops memory_sink_ops = {
    .name = "memory", .write = memory_write, .free = memory_sink_free};

int sink_memory_new(struct buffer *buffer, struct sink **ret_sink)
{
    struct memory_sink *self = malloc(sizeof *self);

    if (!self)
        return -ENOMEM;
    *self = (struct memory_sink){.sink.ops = &memory_sink_ops, .buffer = buffer};
    *ret_sink = &self->sink;
    return 0;
}
