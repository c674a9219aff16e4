/* The FIFOs through which one process writes its heap, in its /tmp; used by guards alone (hotspot_fifo.c,
 * node_guard.c). Each request has one of its own name: a request whose asker was killed is still carried out,
 * in its turn, and must not take another's FIFO for its own, nor find none and make a file. */
#pragma once

#include "runtime/place.h"

enum { HEAP_FIFO_NAME = 64, HEAP_FIFOS_LEFT = 8 };

struct heap_fifo_file {
    char name[HEAP_FIFO_NAME]; /* in /tmp */
    int fd; /* to read from, does not block, locked: who has the lock guards it; -1: none */
};

/* Its own, and those that guards left behind which were killed. The process may be waiting for one of
 * these, or open it yet, but not once it has opened a later one. */
struct heap_fifo_files {
    struct heap_fifo_file own, left[HEAP_FIFOS_LEFT];
    size_t left_count;
};

/* -EBUSY: it was asked too often already and has not begun. */
int heap_fifo_files_make(const struct runtime_place *place, struct heap_fifo_files *ret_files,
                         struct error *error) _must_check_;

/* Gives it another name, so that nobody opens it any more, but who comes later sees what was begun. */
void heap_fifo_file_hide(const struct runtime_place *place, struct heap_fifo_file *file);
/* Takes its name away. */
void heap_fifo_file_unlink(const struct runtime_place *place, const struct heap_fifo_file *file);
/* Removes it and closes it, so that its writer loses its reader. */
void heap_fifo_file_remove(const struct runtime_place *place, struct heap_fifo_file *file);
