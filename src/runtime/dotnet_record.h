/* Samples that a .NET runtime takes of its own threads: of all that run managed code or wait in it, a
 * thousand times a second, for which they halt. As the nettrace stream that it sends, with what it tells of
 * its methods at the end; what is passed on is not read. Of the stream nothing is kept. */
#pragma once

#include "runtime/dotnet_session.h"
#include "stream/sink.h"

/* Begins. The session is the caller's to close, whatever comes. Errors as dotnet_session_start. */
int dotnet_record_begin(struct dotnet_session *session, const struct dotnet *dotnet, uint64_t deadline_ms,
                        struct error *error) _must_check_;
/* Until end_ms, or early_fd (-1: none) is readable; then what the runtime still has to send. Errors: -ESRCH
 * it ended in the middle; -ETIMEDOUT it did not come to its end; the sink's. */
int dotnet_record(struct dotnet_session *session, uint64_t end_ms, int early_fd, struct sink *sink,
                  struct error *error) _must_check_;
