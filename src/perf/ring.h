/* The memory that the kernel writes the records of one processor's events into: perf_event_open(2), "MMAP
 * layout". Private to src/perf. */
#pragma once

#include "base/cleanup.h"

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct perf_ring {
    int processor;
    int fd;                            /* of the event that it belongs to, borrowed; -1: not mapped yet */
    struct perf_event_mmap_page *page; /* what comes before the records; NULL: not mapped */
    const char *bytes;
    size_t size;         /* of the records' room: a power of two */
    uint64_t read, head; /* where the next record begins, how far the kernel has come: these never wrap */
};

/* What the next record is, without reading all of it. */
struct perf_glance {
    struct perf_event_header header;
    uint64_t time_ns;
    bool names_process; /* this kind of record says whose it is */
    pid_t pid;          /* where it does; -1: a thread's that has been reaped and still runs its last steps */
};

/* size: of the records' room, a power of two of at least a page. -EPERM: past what may be locked. */
int perf_ring_map(struct perf_ring *ring, int fd, size_t size) _must_check_;
void perf_ring_unmap(struct perf_ring *ring); /* also one that is not mapped */

/* Looks how far the kernel has come. */
void perf_ring_refresh(struct perf_ring *ring);
/* False: there is no other record before head. has_id: as of the layout. */
bool perf_ring_glance(const struct perf_ring *ring, bool has_id, struct perf_glance *ret_glance);
/* The next record in one piece: in the ring, or copied to spare (PERF_RECORD_SIZE_MAX, aligned to 8). */
const void *perf_ring_record(const struct perf_ring *ring, size_t size, void *spare);
/* Steps over the next record; it stays where it is until perf_ring_give_back(). */
void perf_ring_skip(struct perf_ring *ring, size_t size);
/* Lets the kernel write over all that was stepped over. */
void perf_ring_give_back(struct perf_ring *ring);
