/* .diagsession, what Visual Studio and Kudu call a session of diagnosis: an archive by the Open Packaging
 * Conventions (ECMA-376 part 2) with metadata.xml, which lists its resources as DiagnosticsHub's packages do
 * (that of dotnet-monitor is public), and one resource. */
#pragma once

#include "stream/sink.h"

struct diagsession_resource {
    const char *type;      /* DiagnosticsHub's */
    const char *extension; /* of the file, without a dot */
    const char *name;      /* of the process; what a part of a package can't be called becomes _ */
    int pid;
    uint64_t id[2]; /* names the resource within its package, and as one and the same when it is made again */
    uint64_t most;  /* bytes that it can have: the archive wants to know whether 32 bits do for its size */
    int64_t time;   /* ns since 1970 */
};

struct diagsession;

/* Writes into out, which stays the caller's. ret_sink takes the resource's bytes, and stays the session's. */
int diagsession_begin(const struct diagsession_resource *resource, struct sink *out,
                      struct diagsession **ret_session, struct sink **ret_sink) _must_check_;
/* All of the resource is there. */
int diagsession_finish(struct diagsession *session) _must_check_;
void diagsession_free(struct diagsession *session); /* accepts NULL */
static inline void cleanup_diagsession(struct diagsession **session)
{
    diagsession_free(*session);
}
#define _cleanup_diagsession_ _cleanup_(cleanup_diagsession)
