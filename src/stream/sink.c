#include "stream/sink.h"

int sink_write(struct sink *sink, const void *bytes, size_t size)
{
    int r;

    if (size == 0)
        return 0;
    r = sink->ops->write(sink, bytes, size);
    if (r == 0)
        sink->written += size;
    return r;
}

int sink_finish(struct sink *sink, struct error *error)
{
    return sink->ops->finish ? sink->ops->finish(sink, error) : 0;
}

void sink_free(struct sink *sink)
{
    if (sink)
        sink->ops->free(sink);
}
