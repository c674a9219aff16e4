#include "runtime/dotnet_session.h"

#include "base/clock.h"
#include "base/limits.h"
#include "runtime/dotnet_bytes.h"

#include <errno.h>

enum { FORMAT_NETTRACE = 1 };

static int put_providers(struct buffer *out, const struct dotnet_provider *first)
{
    uint32_t count = 0;
    int r;

    for (const struct dotnet_provider *one = first; one; one = one->also)
        count++;
    r = dotnet_put_u32(out, count);
    for (const struct dotnet_provider *one = first; one && r == 0; one = one->also) {
        r = dotnet_put_u64(out, one->keywords);
        if (r == 0)
            r = dotnet_put_u32(out, one->level);
        if (r == 0)
            r = dotnet_put_text(out, one->name);
        if (r == 0)
            r = dotnet_put_text(out, one->arguments ? one->arguments : "");
    }
    return r;
}

/* .NET 8 has no say about stacks: it takes them. */
static int put_wish(struct buffer *out, const struct dotnet_provider *provider, enum dotnet_command command)
{
    const char stacks = provider->with_stacks, rundown = provider->tells != 0;
    int r = dotnet_put_u32(out, provider->buffer_mib);

    if (r == 0)
        r = dotnet_put_u32(out, FORMAT_NETTRACE);
    if (r == 0)
        r = command == DOTNET_START_SESSION_4 ? dotnet_put_u64(out, provider->tells)
                                              : buffer_append(out, &rundown, 1);
    if (r == 0 && command != DOTNET_START_SESSION_2)
        r = buffer_append(out, &stacks, 1);
    return r == 0 ? put_providers(out, provider) : r;
}

static int ask(struct dotnet_session *session, const struct dotnet_provider *provider,
               enum dotnet_command command, uint64_t deadline_ms, struct error *error)
{
    _cleanup_buffer_ struct buffer wish = BUFFER_INIT(LIMIT_MESSAGE);
    int r = put_wish(&wish, provider, command);

    if (r == 0)
        r = dotnet_tell(session->dotnet, command, &wish, deadline_ms, &session->fd, error);
    session->command = command;
    session->is_unanswered = r == 0;
    return r;
}

int dotnet_session_begun(struct dotnet_session *session, uint64_t deadline_ms, struct error *error)
{
    _cleanup_buffer_ struct buffer reply = BUFFER_INIT(LIMIT_MESSAGE);
    struct dotnet_bytes bytes;
    int r = dotnet_hear(session->dotnet, session->fd, deadline_ms, &reply, error);

    bytes = (struct dotnet_bytes){.at = (const uint8_t *)reply.data,
                                  .end = (const uint8_t *)reply.data + reply.size};
    session->id = dotnet_u64(&bytes);
    if (r == 0 && bytes.is_short)
        r = -EBADMSG;
    if (r < 0)
        session->fd = fd_close(session->fd);
    session->is_unanswered = false;
    return r;
}

static int start(struct dotnet_session *session, const struct dotnet_provider *provider,
                 enum dotnet_command command, uint64_t deadline_ms, struct error *error)
{
    int r = ask(session, provider, command, deadline_ms, error);

    return r < 0 ? r : dotnet_session_begun(session, deadline_ms, error);
}

int dotnet_session_ask(struct dotnet_session *session, const struct dotnet_session *known,
                       const struct dotnet_provider *provider, uint64_t deadline_ms, struct error *error)
{
    *session = DOTNET_SESSION_INIT;
    session->dotnet = known->dotnet;
    return error_ensure(error, ask(session, provider, known->command, deadline_ms, error),
                        "A session of diagnostics could not be begun");
}

int dotnet_session_start(struct dotnet_session *session, const struct dotnet *dotnet,
                         const struct dotnet_provider *provider, uint64_t deadline_ms, struct error *error)
{
    /* 8.0 knows but the last of them, whatever the protocol's description says */
    static const enum dotnet_command commands[] = {DOTNET_START_SESSION_4, DOTNET_START_SESSION_3,
                                                   DOTNET_START_SESSION_2};
    int r = -EOPNOTSUPP;

    *session = DOTNET_SESSION_INIT;
    session->dotnet = dotnet;
    for (size_t i = 0; i < ELEMENTS_OF(commands) && r == -EOPNOTSUPP; i++)
        r = start(session, provider, commands[i], deadline_ms, error);
    if (r == -EOPNOTSUPP)
        return error_set(error, EOPNOTSUPP, "The runtime of process %d is older than .NET 5.",
                         (int)dotnet->process->pid);
    return error_ensure(error, r, "A session of diagnostics could not be begun");
}

ssize_t dotnet_session_read(const struct dotnet_session *session, void *bytes, size_t size,
                            uint64_t deadline_ms)
{
    return dotnet_read(session->dotnet, session->fd, bytes, size, deadline_ms);
}

/* The answer comes when all was sent on the other connection: nobody waits for it. */
int dotnet_session_stop(struct dotnet_session *session, uint64_t deadline_ms, struct error *error)
{
    _cleanup_buffer_ struct buffer payload = BUFFER_INIT(LIMIT_MESSAGE);
    int r;

    if (session->fd < 0 || session->stop_fd >= 0)
        return 0;
    r = dotnet_put_u64(&payload, session->id);
    return r < 0 ? r
                 : dotnet_tell(session->dotnet, DOTNET_STOP_SESSION, &payload, deadline_ms, &session->stop_fd,
                               error);
}

void dotnet_session_close(struct dotnet_session *session)
{
    enum { STOP_MS = 1000, DRAIN_MS = 2000, PIECE = 65536 };
    _cleanup_free_ char *piece = session->fd >= 0 ? malloc(PIECE) : NULL;
    uint64_t now;

    if (session->is_unanswered)
        (void)!dotnet_session_begun(session, clock_monotonic_ms() + STOP_MS, NULL); /* else it is closed */
    now = clock_monotonic_ms();
    if (session->fd >= 0 && dotnet_session_stop(session, now + STOP_MS, NULL) == 0)
        while (piece && clock_monotonic_ms() < now + DRAIN_MS && /* also of one that never pauses */
               dotnet_session_read(session, piece, PIECE, now + DRAIN_MS) > 0)
            ;
    session->fd = fd_close(session->fd);
    session->stop_fd = fd_close(session->stop_fd);
}
