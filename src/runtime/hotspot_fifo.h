/* The FIFO through which a virtual machine writes its heap to us, and who guards it.
 *
 * A FIFO without a reader is a trap: the virtual machine waits in open() for one, in a state in which it
 * can't collect garbage, so that in a while all of it stands still. And without the FIFO it would make a
 * file. So from before it is asked until it has opened the FIFO there is a process of our own, which lives on
 * when we are killed, holds the FIFO open and removes it then. As soon as bytes come nobody needs it: a
 * writer that loses its reader gets EPIPE. Should that process be killed, too, the next heap dump frees who
 * waits, and removes what was left. */
#pragma once

#include "runtime/hotspot_parts.h"

struct hotspot_fifo {
    int fd;      /* to read from, does not block; -1: none */
    int channel; /* to the guard */
    pid_t guard;
};

#define HOTSPOT_FIFO_INIT ((struct hotspot_fifo){.fd = -1, .channel = -1})

/* Makes it and asks for the heap, on a connection that is good for it alone. options: of GC.heap_dump. */
int hotspot_fifo_begin(const struct runtime_place *hotspot, int socket, const char *options,
                       struct hotspot_fifo *ret_fifo, struct error *error) _must_check_;
/* It has been opened, or never will be. */
void hotspot_fifo_done(struct hotspot_fifo *fifo);
/* Without done before, its guard stays until the virtual machine has opened it. */
void hotspot_fifo_release(struct hotspot_fifo *fifo);
#define _cleanup_hotspot_fifo_ _cleanup_(hotspot_fifo_release)
