/* What attaching consists of; used by hotspot_*.c alone. */
#pragma once

#include "runtime/hotspot_attach.h"
#include "runtime/place.h"

/* runtime_place_look of a virtual machine. */
int hotspot_look(const struct pidref *process, uint64_t deadline_ms, struct runtime_place *ret_hotspot,
                 struct error *error) _must_check_;

/* Its socket: 0 and an O_PATH descriptor, -ENOENT there is none, -EPERM what is there isn't its own. */
int hotspot_find_socket(const struct runtime_place *hotspot, int *ret_fd, struct error *error) _must_check_;

/* Connects `socket`, which does not block. -ENOENT: nobody listens there. */
int hotspot_try(const struct runtime_place *hotspot, int socket, struct error *error) _must_check_;

/* The same, and has the virtual machine open it where it hasn't yet. With the rights of the caller, which are
 * best the target's user's. Gives up when the other end of `parent` is closed, leaving nothing behind. */
int hotspot_open(const struct runtime_place *hotspot, int socket, int parent,
                 struct error *error) _must_check_;

/* Sends a command, as hotspot_ask does. A new connection takes it at once. */
int hotspot_send(int socket, const char *command, const char *const arguments[3]) _must_check_;

/* Whether it says that it can be attached to: 1, 0, or -ENOENT it doesn't say. */
int hotspot_allows(const struct runtime_place *hotspot, const struct map_list *maps);

/* Whether SIGQUIT goes to the virtual machine's own thread for signals, and not to a handler of the program
 * that has loaded it: with -Xrs there is no such thread. */
bool hotspot_takes_signals(const struct runtime_place *hotspot);
