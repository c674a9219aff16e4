/* The process of our own that asks Node for its heap, and lives on when we are killed.
 *
 * From SIGUSR1 until its inspector is closed again anybody on the machine could run code in the process that
 * is asked, and whoever asked must see to the end of that. So the guard does all of it: it makes a FIFO in
 * the target's /tmp, has the inspector opened, evaluates one expression, which closes the inspector and lets
 * the heap be written to that FIFO in later turns of the program's loop, and stays until nothing of it is
 * left. V8 never walks the heap with a session of an inspector open: it ended long before.
 *
 * Should the guard be killed the one who asked starts another, which closes what was left open; should both
 * be killed, the next heap dump of the process does: it knows by the FIFO that is left that it was us. */
#pragma once

#include "runtime/place.h"

struct node_fifo {
    int fd; /* to read from, does not block; -1: none */
    const struct runtime_place *place;
    int channel; /* to the guard, which says there that it has asked (runtime_place_told) */
    pid_t guard;
};

#define NODE_FIFO_INIT ((struct node_fifo){.fd = -1, .channel = -1})

/* What the program writes into the FIFO before the heap, and before words instead of it or in its middle. */
#define NODE_FIFO_BEGUN "procscope\n"
#define NODE_FIFO_REFUSED '!'

int node_fifo_begin(const struct runtime_place *place, struct node_fifo *ret_fifo,
                    struct error *error) _must_check_;
/* The heap's first bytes came. */
void node_fifo_done(const struct node_fifo *fifo);
/* Without done before nobody wants the heap any more. The guard stays until nothing is left of it. */
void node_fifo_release(struct node_fifo *fifo);
#define _cleanup_node_fifo_ _cleanup_(node_fifo_release)
