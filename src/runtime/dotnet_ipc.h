/* The diagnostics port of .NET runtimes (3.0 and later), spoken by ourselves: what dotnet-trace and
 * dotnet-gcdump use. A runtime listens at a socket in its own $TMPDIR, named by its pid in its own namespace
 * and by when it began; only its user and root may connect. A connection is good for one command; one that
 * began a session then carries what the session sends.
 *
 * Source: dotnet/diagnostics documentation/design-docs/ipc-protocol.md; dotnet/runtime
 * src/native/eventpipe/ds-*.c. */
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "proc/pidref.h"

/* The port of a process. */
struct dotnet {
    const struct pidref *process; /* borrowed */
    int socket_fd;                /* what is connected to, O_PATH */
    uid_t user;
    gid_t group;
};

#define DOTNET_INIT ((struct dotnet){.socket_fd = -1})

/* Errors, with a sentence each: -EOPNOTSUPP no runtime that has such a port, -EBUSY it has it switched off or
 * is stopped, -EACCES, -EPERM not ours to ask, -ESRCH. */
int dotnet_find(const struct pidref *process, struct dotnet *ret_dotnet, struct error *error) _must_check_;
void dotnet_release(struct dotnet *dotnet);
#define _cleanup_dotnet_ _cleanup_(dotnet_release)

/* Command set in the upper byte, command in the lower. */
enum dotnet_command {
    DOTNET_STOP_SESSION = 0x0201,
    DOTNET_START_SESSION_2 = 0x0203, /* of .NET 5 */
    DOTNET_START_SESSION_3 = 0x0204, /* with a say about stacks */
    DOTNET_START_SESSION_4 = 0x0205, /* of .NET 9: says what is told of at the end */
    DOTNET_PROCESS_INFO = 0x0404,    /* the second form of it, of .NET 6 */
};

/* Asks by deadline_ms (clock_monotonic_ms). What is answered goes into reply; ret_fd (may be NULL): the
 * connection, which stays open. Errors: -ETIMEDOUT, -EOPNOTSUPP it doesn't know the command, -EREMOTEIO it
 * refuses, with its number, -ECONNREFUSED nobody listens, -EPERM another process does (SO_PEERCRED),
 * -EBADMSG, -ESRCH, ... */
int dotnet_ask(const struct dotnet *dotnet, enum dotnet_command command, const struct buffer *payload,
               uint64_t deadline_ms, struct buffer *reply, int *ret_fd, struct error *error) _must_check_;
/* The same without waiting for the answer. */
int dotnet_tell(const struct dotnet *dotnet, enum dotnet_command command, const struct buffer *payload,
                uint64_t deadline_ms, int *ret_fd, struct error *error) _must_check_;

/* The answer to what was told. Errors as dotnet_ask. */
int dotnet_hear(const struct dotnet *dotnet, int fd, uint64_t deadline_ms, struct buffer *reply,
                struct error *error) _must_check_;

/* Reads up to size bytes. > 0, 0: the end, or a negative errno: -ETIMEDOUT none came by deadline_ms. */
ssize_t dotnet_read(const struct dotnet *dotnet, int fd, void *bytes, size_t size,
                    uint64_t deadline_ms) _must_check_;

/* "10.0.1"; "" where it doesn't say. */
enum { DOTNET_VERSION_SIZE = 64 };
int dotnet_version(const struct dotnet *dotnet, uint64_t deadline_ms, char ret_version[DOTNET_VERSION_SIZE],
                   struct error *error) _must_check_;
