/* Asks a runtime for its methods: a session that is ended as soon as it has begun, since what there is at
 * that moment is told at its end. */
#include "base/limits.h"

#include "runtime/dotnet_methods.h"

#include "base/clock.h"
#include "runtime/dotnet_session.h"

#include <errno.h>

/* Compiled just in time; compiled ahead of it. */
enum { TELL_JITTED = 0x10, TELL_COMPILED = 0x20 };

/* A session that sends nothing would outlive us if we were killed between its beginning and its end: a
 * runtime learns that nobody reads any more when it sends. This one sends a thousand times a second until it
 * is told to end, which is at once. What is told of methods needs room at the end of the session, some 300
 * bytes each, which the runtime takes as it fills. */
static const struct dotnet_provider provider = {.name = "Microsoft-DotNETCore-SampleProfiler",
                                                .keywords = 0xf00000000000,
                                                .level = 4,
                                                .buffer_mib = 128,
                                                .tells = TELL_JITTED | TELL_COMPILED};

/* Keeps to the deadline also where a runtime always has something more to say. */
static int read_on(struct dotnet_session *session, uint64_t deadline_ms, struct dotnet_events *events)
{
    _cleanup_free_ char *bytes = malloc(LIMIT_STREAM_CHUNK);
    int r = bytes ? 0 : -ENOMEM;

    while (r == 0 && !events->is_whole) {
        ssize_t n = dotnet_session_read(session, bytes, LIMIT_STREAM_CHUNK, deadline_ms);

        if (n <= 0)
            return n < 0 ? (int)n : -ECONNRESET;
        r = dotnet_events_feed(events, bytes, (size_t)n);
        if (r == 0 && clock_monotonic_ms() >= deadline_ms)
            r = -ETIMEDOUT;
    }
    return r;
}

static int explain(const struct dotnet *dotnet, int r, struct error *error)
{
    int pid = (int)dotnet->process->pid;

    switch (r) {
    case -ETIMEDOUT:
        return error_set(error, ETIMEDOUT, "The .NET runtime of process %d did not tell its methods in time.",
                         pid);
    case -ESRCH:
    case -ECONNRESET:
        return error_set(error, ESRCH, "The .NET runtime of process %d ended while it told its methods.",
                         pid);
    default:
        return error_ensure(error, r, "The .NET runtime's methods can't be read");
    }
}

int dotnet_methods_ask(const struct dotnet *dotnet, uint64_t deadline_ms, struct dotnet_methods *ret_methods,
                       struct error *error)
{
    _cleanup_dotnet_methods_ struct dotnet_methods methods = DOTNET_METHODS_INIT;
    _cleanup_dotnet_events_ struct dotnet_events events = DOTNET_EVENTS_INIT;
    _cleanup_dotnet_session_ struct dotnet_session session = DOTNET_SESSION_INIT;
    int r = dotnet_session_start(&session, dotnet, &provider, deadline_ms, error);

    if (r == 0)
        r = dotnet_session_stop(&session, deadline_ms, error);
    if (r < 0)
        return r;
    events.take = dotnet_methods_take;
    events.to = &methods;
    r = read_on(&session, deadline_ms, &events);
    if (r < 0)
        return explain(dotnet, r, error);
    dotnet_methods_finish(&methods);
    *ret_methods = methods;
    methods = DOTNET_METHODS_INIT;
    return 0;
}
