/* The FIFOs of one virtual machine in its /tmp; used by the guard (hotspot_fifo.c) alone. Each request has
 * one of its own name: a request whose asker was killed is still carried out, in its turn, and must not take
 * another's FIFO for its own, nor find none and make a file. */
#pragma once

#include "runtime/hotspot_parts.h"

enum { HOTSPOT_FIFO_NAME = 64, HOTSPOT_FIFOS_LEFT = 8 };

struct hotspot_fifo_file {
    char name[HOTSPOT_FIFO_NAME]; /* in /tmp */
    int fd; /* to read from, does not block, locked: who has the lock guards it; -1: none */
};

/* Its own, and those that guards left behind which were killed. The virtual machine may be waiting for one of
 * these, or open it yet, but not once it has opened a later one. */
struct hotspot_fifo_files {
    struct hotspot_fifo_file own, left[HOTSPOT_FIFOS_LEFT];
    size_t left_count;
};

/* -EBUSY: it was asked too often already and has not begun. */
int hotspot_fifo_files_make(const struct hotspot *hotspot, struct hotspot_fifo_files *ret_files,
                            struct error *error) _must_check_;

/* Removes it and closes it, so that its writer loses its reader. */
void hotspot_fifo_file_remove(const struct hotspot *hotspot, struct hotspot_fifo_file *file);
