/* A session of a runtime's event pipe: it sends events of its providers, as a nettrace stream, until it is
 * stopped. Whose connection is closed is ended by the runtime, too, at the next event that it can't send; so
 * a session of ours that was killed goes with it. */
#pragma once

#include "runtime/dotnet_ipc.h"

struct dotnet_session {
    const struct dotnet *dotnet; /* borrowed */
    int fd, stop_fd;             /* -1: it is not open, it was not told to stop */
    uint64_t id;
    enum dotnet_command command; /* that began it */
    bool is_unanswered;          /* it was asked for; id is not known yet */
};

#define DOTNET_SESSION_INIT ((struct dotnet_session){.fd = -1, .stop_fd = -1})

struct dotnet_provider {
    const char *name; /* UTF-8 */
    uint64_t keywords;
    uint32_t level;
    const char *arguments;              /* "key=value;..." in UTF-8; NULL: none */
    const struct dotnet_provider *also; /* another one of the same session; NULL: none. What is below counts
                                           of the first alone */
    uint32_t buffer_mib; /* of the runtime's own memory, as it fills: what we don't read in time */
    uint64_t tells;      /* what there is when it is stopped: keywords of the rundown. 0: nothing; .NET 8
                            tells all of it or nothing */
    bool with_stacks;    /* of the threads that events come from; they cost the runtime time */
};

/* Begins one. Errors as dotnet_ask. */
int dotnet_session_start(struct dotnet_session *session, const struct dotnet *dotnet,
                         const struct dotnet_provider *provider, uint64_t deadline_ms,
                         struct error *error) _must_check_;
/* Asks for one more in the words that the runtime is known to know, and lets the answer be waited for by
 * dotnet_session_begun. Whatever comes of it, it has to be closed. */
int dotnet_session_ask(struct dotnet_session *session, const struct dotnet_session *known,
                       const struct dotnet_provider *provider, uint64_t deadline_ms,
                       struct error *error) _must_check_;
int dotnet_session_begun(struct dotnet_session *session, uint64_t deadline_ms,
                         struct error *error) _must_check_;
/* As dotnet_read; the end comes after a stop, when the runtime has sent all that it had. */
ssize_t dotnet_session_read(const struct dotnet_session *session, void *bytes, size_t size,
                            uint64_t deadline_ms) _must_check_;
/* Has it end; what it still sends must be read. Once: again does nothing. */
int dotnet_session_stop(struct dotnet_session *session, uint64_t deadline_ms,
                        struct error *error) _must_check_;
/* Stops it where it wasn't, reads for a moment what it sends so that it can, and closes. */
void dotnet_session_close(struct dotnet_session *session);
#define _cleanup_dotnet_session_ _cleanup_(dotnet_session_close)
