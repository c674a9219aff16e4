/* HotSpot's attach protocol, spoken by ourselves: what jcmd and jstack use.
 *
 * Its files stand in the target's own /tmp and are named by its pid in its own namespace. Is there no socket
 * .java_pidN yet, one makes the file .attach_pidN and sends SIGQUIT; the virtual machine sees the file,
 * starts a thread ("Attach Listener") and opens the socket, both for the rest of its life. A request is its
 * version, the command and three arguments, each with a NUL behind; the answer's first line is a number, 0
 * for success. It takes requests of its own user and, since JDK 11, of root.
 *
 * Source: jdk src/hotspot/os/posix/attachListener_posix.cpp (until 21 os/linux/attachListener_linux.cpp),
 * share/services/attachListener.cpp, share/runtime/os.cpp (signal_thread_entry). */
#pragma once

#include "proc/maps.h"
#include "proc/pidref.h"

/* A connection to the virtual machine, which must be HotSpot (capture/jvm.h), made by deadline_ms
 * (clock_monotonic_ms). SIGQUIT is sent only where nothing has been attached before, the virtual machine in
 * the process catches that signal, and attaching is not switched off: without all that it would end, or fill
 * its output. maps: its mappings. Errors, with a sentence each: -ETIMEDOUT, -EBUSY it is stopped or traced,
 * -EOPNOTSUPP it does not let itself be asked, -EACCES, -EPERM not ours to ask or a file there is not its
 * own, -ESRCH, ... */
int hotspot_connect(const struct pidref *process, const struct map_list *maps, uint64_t deadline_ms,
                    int *ret_fd, struct error *error) _must_check_;

/* Whether a process has the socket already, which costs little to see. */
bool hotspot_has_socket(const struct pidref *process);

/* Sends a command with its arguments (NULL: none) and hands on the answer behind its first line, in pieces,
 * until it ends, deadline_ms has passed or take fails. The connection is good for one. Errors as above;
 * -EREMOTEIO with the virtual machine's own words where it refuses; -EFBIG past most bytes. */
int hotspot_ask(const struct pidref *process, int fd, const char *command, const char *const arguments[3],
                uint64_t most, uint64_t deadline_ms, int (*take)(void *to, const char *bytes, size_t size),
                void *to, struct error *error) _must_check_;
