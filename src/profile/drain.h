/* Writers gather text in a buffer and pass it on in pieces. */
#pragma once

#include "base/limits.h"
#include "stream/sink.h"

/* Passes on what is in buffer, unless it is less than least bytes. */
static inline int buffer_drain(struct buffer *buffer, struct sink *sink, size_t least)
{
    int r = buffer->size >= least ? sink_write(sink, buffer->data, buffer->size) : 0;

    if (r == 0 && buffer->size >= least)
        buffer_clear(buffer);
    return r;
}

enum { DRAIN_SIZE = 64 * 1024 };
