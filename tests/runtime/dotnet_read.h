/* A made-up heap as a stream, and a heap read from one. */
#pragma once

#include "base/limits.h"

#include "dotnet_made_up.h"
#include "runtime/dotnet_heap.h"

static inline void make_stream(struct made_up *made, struct buffer *out)
{
    put_beginning(out, 8);
    put_forms(out);
    put_block(out, "EventBlock", &made->events);
    put_block(out, "SPBlock", &made->events); /* whatever it holds */
    put8(out, 1);
}

static inline int read_as(struct dotnet_heap *heap, const struct buffer *stream, size_t piece,
                          bool counts_only)
{
    _cleanup_dotnet_events_ struct dotnet_events events = DOTNET_EVENTS_INIT;
    int r = 0;

    assert_int_equal(dotnet_heap_init(heap), 0);
    heap->counts_only = counts_only;
    events.take = dotnet_heap_take;
    events.to = heap;
    for (size_t at = 0; at < stream->size && r == 0; at += piece)
        r = dotnet_events_feed(&events, stream->data + at,
                               piece < stream->size - at ? piece : stream->size - at);
    if (r == 0)
        assert_true(events.is_whole && events.pointer_size == 8 && events.frequency == 1000000000);
    return r;
}

static inline int read_in(struct dotnet_heap *heap, const struct buffer *stream, size_t piece)
{
    return read_as(heap, stream, piece, false);
}
