/* A sink that passes on no more than so many bytes. */
#include "stream/sink.h"

#include <errno.h>

struct limit_sink {
    struct sink sink;
    struct sink *next;
    uint64_t maximum;
};

static int limit_write(struct sink *sink, const void *bytes, size_t size)
{
    struct limit_sink *self = (struct limit_sink *)sink;

    if (size > self->maximum - sink->written)
        return -EFBIG;
    return sink_write(self->next, bytes, size);
}

static int limit_finish(struct sink *sink, struct error *error)
{
    struct limit_sink *self = (struct limit_sink *)sink;

    return sink_finish(self->next, error);
}

static void limit_free(struct sink *sink)
{
    struct limit_sink *self = (struct limit_sink *)sink;

    sink_free(self->next);
    free(self);
}

static const struct sink_ops limit_ops = {
    .name = "limit", .write = limit_write, .finish = limit_finish, .free = limit_free};

int sink_limit_new(struct sink *next, uint64_t maximum, struct sink **ret_sink)
{
    struct limit_sink *self = malloc(sizeof *self);

    if (!self)
        return -ENOMEM;
    *self = (struct limit_sink){.sink.ops = &limit_ops, .next = next, .maximum = maximum};
    *ret_sink = &self->sink;
    return 0;
}
