#include "runtime/dotnet_record.h"

#include "base/clock.h"
#include "base/limits.h"

#include <errno.h>
#include <poll.h>

/* As dotnet-trace asks for them: a reader takes the runtime's own events to name methods by, and to tell
 * collections, exceptions and waits beside the samples. */
static const struct dotnet_provider events_of_runtime = {
    .name = "Microsoft-Windows-DotNETRuntime", .keywords = 0x14c14fccbd, .level = 4};
static const struct dotnet_provider samples = {.name = "Microsoft-DotNETCore-SampleProfiler",
                                               .keywords = 0xf00000000000,
                                               .level = 4,
                                               .also = &events_of_runtime,
                                               .buffer_mib = 256,
                                               .tells = 0x80020139,
                                               .with_stacks = true};

int dotnet_record_begin(struct dotnet_session *session, const struct dotnet *dotnet, uint64_t deadline_ms,
                        struct error *error)
{
    return dotnet_session_start(session, dotnet, &samples, deadline_ms, error);
}

struct recording {
    struct dotnet_session *session;
    struct sink *sink;
    uint64_t end_ms;   /* when it is to be stopped; then, when it must have sent something more */
    uint8_t ending[2]; /* the last bytes that came */
    bool is_stopped;
    uint64_t waited_ms, received; /* since then: for the runtime, not for who takes it; bytes */
};

static int stop(struct recording *recording, struct error *error)
{
    recording->is_stopped = true;
    recording->end_ms = clock_monotonic_ms() + LIMIT_DOTNET_QUIET_MS;
    return dotnet_session_stop(recording->session, clock_monotonic_ms() + LIMIT_DOTNET_MS, error);
}

static void note_ending(struct recording *recording, const uint8_t *bytes, size_t size)
{
    recording->ending[0] = size > 1 ? bytes[size - 2] : recording->ending[1];
    recording->ending[1] = bytes[size - 1];
}

/* The end of a stream that is whole: of its last object, and of all. */
static bool is_whole(const struct recording *recording)
{
    return recording->ending[0] == 6 && recording->ending[1] == 1;
}

static bool is_early(int early_fd)
{
    struct pollfd waited = {.fd = early_fd, .events = POLLIN};

    return early_fd >= 0 && poll(&waited, 1, 0) > 0;
}

/* Whether what still comes after the stop has no end: each piece is in time, but there are ever more. */
static bool is_endless(const struct recording *recording)
{
    return recording->is_stopped &&
           (recording->waited_ms > LIMIT_DOTNET_LAST_MS || recording->received > LIMIT_DOTNET_LAST);
}

/* Moves what comes within a moment. 1: there is more to come, 0: it ended. */
static int step(struct recording *recording, uint8_t *bytes)
{
    enum { MOMENT_MS = 100 };
    uint64_t begun_ms = clock_monotonic_ms(), until_ms = begun_ms + MOMENT_MS;
    ssize_t n = dotnet_session_read(recording->session, bytes, LIMIT_STREAM_CHUNK,
                                    until_ms < recording->end_ms ? until_ms : recording->end_ms);

    if (recording->is_stopped) {
        recording->waited_ms += clock_monotonic_ms() - begun_ms;
        recording->received += n > 0 ? (uint64_t)n : 0;
    }
    if (n > 0 && is_endless(recording))
        return -ETIMEDOUT;
    if (n == -ETIMEDOUT)
        return recording->is_stopped && clock_monotonic_ms() >= recording->end_ms ? -ETIMEDOUT : 1;
    if (n <= 0)
        return (int)n;
    if (recording->is_stopped)
        recording->end_ms = clock_monotonic_ms() + LIMIT_DOTNET_QUIET_MS;
    note_ending(recording, bytes, (size_t)n);
    n = sink_write(recording->sink, bytes, (size_t)n);
    return n < 0 ? (int)n : 1;
}

int dotnet_record(struct dotnet_session *session, uint64_t end_ms, int early_fd, struct sink *sink,
                  struct error *error)
{
    _cleanup_free_ uint8_t *bytes = malloc(LIMIT_STREAM_CHUNK);
    struct recording recording = {.session = session, .sink = sink, .end_ms = end_ms};
    int pid = (int)session->dotnet->process->pid, r = bytes ? 1 : -ENOMEM;

    while (r > 0) {
        if (!recording.is_stopped && (clock_monotonic_ms() >= end_ms || is_early(early_fd)))
            r = stop(&recording, error);
        r = r < 0 ? r : step(&recording, bytes);
    }
    if (r == -ETIMEDOUT)
        return error_set(error, ETIMEDOUT,
                         "The .NET runtime of process %d did not end its recording in time.", pid);
    if (r == -ESRCH || r == -ECONNRESET || (r == 0 && !is_whole(&recording)))
        return error_set(error, ESRCH, "The .NET runtime of process %d ended in the middle of the profile.",
                         pid);
    return error_ensure(error, r, "The profile could not be passed on");
}
