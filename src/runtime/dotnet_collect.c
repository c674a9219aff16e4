#include "base/limits.h"

#include "runtime/dotnet_collect.h"

#include "base/clock.h"
#include "runtime/dotnet_session.h"

#include <errno.h>

/* Of the runtime's own provider: collections, what the heap holds, types with their names; and the wish for a
 * collection. */
enum {
    KEYWORD_GC = 0x1,
    KEYWORD_TYPE = 0x80000,
    KEYWORD_HEAP_DUMP = 0x100000,
    KEYWORD_COLLECT = 0x800000,
    KEYWORD_TYPE_NAMES = 0x1000000,
};
/* At the end, of a runtime that lets itself be told what: all methods can be many MiB. */
enum { TELL_MODULES = 0x8 };
enum { LEVEL_INFORMATIONAL = 4, LEVEL_VERBOSE = 5 };

/* A runtime tells a type once, and may have told it to another session; it forgets what it has told when a
 * session of this provider ends. That one looks at all threads a thousand times a second, so it is stopped at
 * its first event. */
static const struct dotnet_provider forgetting = {.name = "Microsoft-DotNETCore-SampleProfiler",
                                                  .keywords = 0xf00000000000,
                                                  .level = LEVEL_INFORMATIONAL,
                                                  .buffer_mib = 16};

/* What we don't read in time stands in the runtime's buffer, and what finds no room there is dropped. */
static const struct dotnet_provider telling = {.name = "Microsoft-Windows-DotNETRuntime",
                                               .keywords = KEYWORD_GC | KEYWORD_TYPE | KEYWORD_HEAP_DUMP |
                                                           KEYWORD_TYPE_NAMES,
                                               .level = LEVEL_VERBOSE,
                                               .buffer_mib = 1024,
                                               .tells = TELL_MODULES};

/* What has the runtime collect, and tell the other session of it. A runtime answers when that is over, and
 * does nothing else of diagnostics meanwhile: so it is a session of its own, and what is told is read at
 * once. It is ended before the other one, since a change of sessions with this wish would have it collect
 * again. */
static const struct dotnet_provider collecting = {.name = "Microsoft-Windows-DotNETRuntime",
                                                  .keywords = KEYWORD_GC | KEYWORD_COLLECT,
                                                  .level = LEVEL_INFORMATIONAL,
                                                  .buffer_mib = 16};

struct reading {
    struct dotnet_session session;
    const struct dotnet_provider *trigger; /* begun behind it; NULL: none */
    struct dotnet_session triggered;
    bool (*may_be_silent)(const void *to); /* as long as it takes; NULL: never */
    struct dotnet_events events;
    struct error *error;
    uint64_t deadline_ms, received;
    bool (*is_enough)(const void *to); /* it is stopped then, and read to its end */
    char *bytes;
};

static uint64_t sooner(uint64_t deadline_ms, uint64_t patience_ms)
{
    uint64_t until = clock_monotonic_ms() + patience_ms;

    return until < deadline_ms ? until : deadline_ms;
}

static int stop(struct reading *reading)
{
    int r = 0;

    if (reading->triggered.is_unanswered)
        r = dotnet_session_begun(&reading->triggered, sooner(reading->deadline_ms, LIMIT_DOTNET_MS),
                                 reading->error);
    dotnet_session_close(&reading->triggered);
    return r < 0 ? r
                 : dotnet_session_stop(&reading->session, sooner(reading->deadline_ms, LIMIT_DOTNET_MS),
                                       reading->error);
}

/* A session whose runtime ends has no end of its own. */
static int read_on(struct reading *reading)
{
    int r = 0;

    while (r == 0 && !reading->events.is_whole) {
        bool is_silent = reading->may_be_silent && reading->may_be_silent(reading->events.to);
        ssize_t n = dotnet_session_read(&reading->session, reading->bytes, LIMIT_STREAM_CHUNK,
                                        is_silent ? reading->deadline_ms
                                                  : sooner(reading->deadline_ms, LIMIT_DOTNET_QUIET_MS));

        if (n <= 0)
            return n < 0 ? (int)n : -ECONNRESET;
        reading->received += (uint64_t)n;
        r = dotnet_events_feed(&reading->events, reading->bytes, (size_t)n);
        if (r == 0 && reading->is_enough(reading->events.to))
            r = stop(reading);
        /* one that always has something more to say */
        if (r == 0 && clock_monotonic_ms() >= reading->deadline_ms)
            r = -ETIMEDOUT;
    }
    return r;
}

static int read_session(struct reading *reading, const struct dotnet *dotnet,
                        const struct dotnet_provider *provider, uint64_t answer_by_ms)
{
    int r;

    reading->bytes = malloc(LIMIT_STREAM_CHUNK);
    r = reading->bytes
            ? dotnet_session_start(&reading->session, dotnet, provider, answer_by_ms, reading->error)
            : -ENOMEM;
    if (r == 0 && reading->trigger)
        r = dotnet_session_ask(&reading->triggered, &reading->session, reading->trigger, answer_by_ms,
                               reading->error);
    if (r == 0)
        r = read_on(reading);
    dotnet_session_close(&reading->triggered);
    dotnet_session_close(&reading->session);
    dotnet_events_release(&reading->events);
    free(reading->bytes);
    return r;
}

static int note_event(void *to, const struct dotnet_event *event)
{
    bool *seen = to;

    *seen = *seen || event->source == DOTNET_SAMPLES;
    return 0;
}

static bool was_seen(const void *to)
{
    return *(const bool *)to;
}

static bool is_collecting(const void *to)
{
    const struct dotnet_heap *heap = to;

    return heap->collections > 0 && !heap->is_complete;
}

static bool is_complete(const void *to)
{
    return ((const struct dotnet_heap *)to)->is_complete;
}

/* What is wrong, where nobody has said so yet. */
static int explain(const struct dotnet *dotnet, const struct dotnet_heap *heap, int r, struct error *error)
{
    int pid = (int)dotnet->process->pid;

    if (error && error->code == -r)
        return r;
    switch (r) {
    case -ETIMEDOUT:
        return error_set(
            error, ETIMEDOUT,
            heap->collections == 0
                ? "The .NET runtime of process %d did not begin a collection in time: one of its "
                  "threads may not come to a halt."
                : "The .NET runtime of process %d did not end its collection in time.",
            pid);
    case -EAGAIN:
        return error_set(error, EAGAIN,
                         "The .NET runtime of process %d lost part of what it told of its heap. Try again.",
                         pid);
    case -ENODATA:
        return error_set(error, EAGAIN, "The .NET runtime of process %d told nothing of its heap. Try again.",
                         pid);
    case -ECONNRESET:
    case -ESRCH:
    case -EPIPE:
        return error_set(error, ESRCH, "The .NET runtime of process %d ended in the middle of the dump.",
                         pid);
    case -EFBIG:
        return error_set(error, EFBIG, "The heap of process %d is larger than can be dumped.", pid);
    case -ENOMEM:
        return error_set(
            error, EFBIG,
            "The heap of process %d has more objects than the memory for its dump holds (near 40 "
            "bytes each).",
            pid);
    default:
        return error_ensure(error, r, "The heap could not be read");
    }
}

static int read_heap(const struct dotnet *dotnet, uint64_t deadline_ms, struct dotnet_collection *collection,
                     struct error *error)
{
    bool seen = false;
    struct reading first = {.session = DOTNET_SESSION_INIT,
                            .triggered = DOTNET_SESSION_INIT,
                            .events = DOTNET_EVENTS_INIT,
                            .error = error,
                            .deadline_ms = deadline_ms,
                            .is_enough = was_seen};
    struct reading second = first;
    struct dotnet_heap *heap = &collection->heap;
    int r;

    first.events.take = note_event;
    first.events.to = &seen;
    second.events.take = dotnet_heap_take;
    second.events.to = heap;
    second.is_enough = is_complete;
    second.may_be_silent = is_collecting;
    second.trigger = &collecting;
    r = read_session(&first, dotnet, &forgetting, sooner(deadline_ms, LIMIT_DOTNET_MS));
    if (r == 0)
        r = read_session(&second, dotnet, &telling, sooner(deadline_ms, LIMIT_DOTNET_MS));
    if (r == 0)
        r = second.events.pointer_size == sizeof(uint64_t) ? dotnet_heap_finish(heap) : -EOPNOTSUPP;
    if (r == 0 && heap->paused_from && heap->paused_to > heap->paused_from && second.events.frequency > 0)
        collection->pause_us =
            (uint64_t)((double)(heap->paused_to - heap->paused_from) * 1e6 / (double)second.events.frequency);
    collection->received = first.received + second.received;
    return r;
}

int dotnet_collect(const struct dotnet *dotnet, bool counts_only, uint64_t deadline_ms,
                   struct dotnet_collection *ret_collection, struct error *error)
{
    struct dotnet_collection collection = {0};
    struct error said = {0};
    int r = dotnet_heap_init(&collection.heap);

    collection.heap.counts_only = counts_only;
    if (r == 0)
        r = read_heap(dotnet, deadline_ms, &collection, &said);
    if (r < 0) {
        r = explain(dotnet, &collection.heap, r, &said);
        dotnet_collection_release(&collection);
        if (error)
            *error = said;
        return r;
    }
    *ret_collection = collection;
    return 0;
}

void dotnet_collection_release(struct dotnet_collection *collection)
{
    if (collection)
        dotnet_heap_release(&collection->heap);
}
