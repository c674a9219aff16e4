/* What each side of the service gives up. */
#pragma once

#include "service/config.h"

/* Under the address sanitizer some of it must not be: its shadow memory passes any limit, and when it reports
 * it reads files and traces itself. */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_SANITIZED 1
#endif
#endif

/* The front, in two steps. First, right after its fork: the user of the configuration where we are root, no
 * group beside its own, no capability, no new privileges. */
int sandbox_drop_front(const struct config *config, struct error *error) _must_check_;

/* Second, by the front itself once it has all files that it needs, before it reads from the network and
 * before it starts a thread: only the system calls of an event loop over sockets and pipes are left; opening
 * files, starting programs, ptrace and signals to others fail with EPERM. Where the kernel has Landlock it
 * says so, too: no file, no other address, no abstract socket, no signal. */
int sandbox_seal_front(struct error *error) _must_check_;

/* The same for the process that talks to other instances: it may also connect, look up names and read files
 * that everybody may read, with Landlock those of /etc, /usr and /run; it can write to none, and start
 * nothing. */
int sandbox_seal_peer(struct error *error) _must_check_;

/* The same for the process that asks debuginfod, once its libraries are loaded: it may also write files, with
 * Landlock only beneath the folder, which is there, or remove it. */
int sandbox_seal_fetch(const char *folder, struct error *error) _must_check_;

/* The inspector: of root's capabilities only what it needs to look into processes, to signal them and to
 * start another front; of the system calls what its children need, whom the filter stays with. No core.
 * read-seccomp keeps CAP_SYS_ADMIN, too, and there is no filter: the kernel wants both for that. */
int sandbox_inspector(const struct config *config, struct error *error) _must_check_;

/* A worker: the capabilities of the inspector without what only a new front needs, a limit of its own memory,
 * and the system calls of what it is for. */
enum sandbox_worker {
    SANDBOX_KEPT,    /* looks, and holds processes for their stacks */
    SANDBOX_DUMP,    /* and asks runtimes for their heaps; with read-seccomp without a filter */
    SANDBOX_PROFILE, /* and has perf events */
    SANDBOX_STOP,    /* looks and signals */
    SANDBOX_WATCH,   /* only looks */
};
int sandbox_worker(const struct config *config, enum sandbox_worker kind, uint64_t memory_limit,
                   struct error *error) _must_check_;
