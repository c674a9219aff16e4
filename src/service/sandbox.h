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
 * files, starting programs, ptrace and signals to others fail with EPERM. */
int sandbox_seal_front(struct error *error) _must_check_;

/* The same for the process that talks to other instances: it may also connect, look up names and read files
 * that everybody may read; it can write to none, and start nothing. */
int sandbox_seal_peer(struct error *error) _must_check_;

/* The inspector: of root's capabilities only what it needs to look into processes, to signal them and to
 * start another front. reads_seccomp keeps CAP_SYS_ADMIN, too, which the kernel wants for that. */
int sandbox_inspector(bool reads_seccomp, struct error *error) _must_check_;

/* A worker: those of the inspector without what only a new front needs, and a limit of its own memory. */
int sandbox_worker(uint64_t memory_limit, bool reads_seccomp, struct error *error) _must_check_;
