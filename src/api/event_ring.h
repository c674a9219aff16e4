/* Events as they go to viewers, kept for those who come, come back or are late: the last snapshot and the
 * ticks behind it, and some before. Each is kept once, whoever reads it. */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event {
    unsigned references;
    uint64_t number; /* of a tick; of a snapshot: of the last tick that is in it */
    size_t size;
    char text[]; /* "id: ...\nevent: ...\ndata: ...\n\n" */
};

enum { EVENT_RING_SIZE = 64 };

struct event_ring {
    uint64_t epoch; /* numbers of one sampler mean nothing to another */
    struct event *snapshot;
    struct event *ticks[EVENT_RING_SIZE]; /* tick n at n % EVENT_RING_SIZE */
    uint64_t next;                        /* number of the tick that comes next */
    uint64_t first;                       /* that is still kept; == next: none */
    size_t bytes;                         /* of the ticks */
};

void event_ring_clear(struct event_ring *ring); /* also for one that is all zeros */

/* Adds an event with this JSON. Ticks must come in order: -EBADMSG. */
int event_ring_add(struct event_ring *ring, bool is_snapshot, uint64_t number, const char *json,
                   size_t size) _must_check_;

/* What follows for someone whose last event was number `last`; NULL: nothing yet. *ret_late: it is not kept
 * any more. The reference is the caller's. */
struct event *event_ring_next(struct event_ring *ring, uint64_t last, bool *ret_late);
struct event *event_ring_snapshot(struct event_ring *ring); /* likewise; NULL: none yet */

/* Reads an id back ("EPOCH-NUMBER"); true where it is this ring's and what follows it is still kept. */
bool event_ring_find(const struct event_ring *ring, const char *id, uint64_t *ret_number);

void event_unref(struct event *event); /* accepts NULL */
