/* The events of a nettrace stream as runtimes of .NET send it (versions 4 and 5), in pieces of any size. Of
 * events only what tells them apart is read here; what they hold is their reader's. Stacks are passed over.
 *
 * Form: microsoft/perfview src/TraceEvent/EventPipe/NetTraceFormat_v5.md. */
#pragma once

#include "base/buffer.h"

enum dotnet_source {
    DOTNET_OTHER,
    DOTNET_RUNTIME, /* Microsoft-Windows-DotNETRuntime */
    DOTNET_RUNDOWN, /* ...Rundown: what there is when a session ends */
    DOTNET_SAMPLES, /* Microsoft-DotNETCore-SampleProfiler */
};

struct dotnet_event {
    enum dotnet_source source;
    uint32_t id, form; /* form: the number of its kind in this stream */
    uint64_t time;     /* of the stream's own clock */
    const uint8_t *payload;
    size_t size;
};

struct dotnet_events {
    /* Returns 0 or a negative errno, which ends the reading. Set both before the first piece. */
    int (*take)(void *to, const struct dotnet_event *event);
    /* The same for what a kind of event is like, told before the first of them, as it stands in the stream;
     * NULL: nobody asks */
    int (*learn)(void *to, const struct dotnet_event *kind);
    void *to;
    /* told by the stream */
    uint64_t frequency;    /* of its clock, ticks in a second; 0: not told yet */
    uint32_t pointer_size; /* bytes */
    bool is_whole;         /* it came to its end */
    /* private */
    struct buffer bytes; /* of what is not whole yet */
    uint64_t at;         /* where they are in the stream */
    bool is_begun;
    struct dotnet_form *forms; /* by their number in the stream */
    size_t form_count;
};

#define DOTNET_EVENTS_INIT ((struct dotnet_events){.bytes = BUFFER_INIT(LIMIT_DOTNET_BLOCK)})

void dotnet_events_release(struct dotnet_events *events);
#define _cleanup_dotnet_events_ _cleanup_(dotnet_events_release)

/* -EBADMSG it is no such stream, -EFBIG a block is larger than it may be, -ENOMEM, or what take said. */
int dotnet_events_feed(struct dotnet_events *events, const void *bytes, size_t size) _must_check_;
