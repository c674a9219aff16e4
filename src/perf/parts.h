/* What the files of src/perf share. */
#pragma once

#include "base/error.h"
#include "perf/owners.h"
#include "perf/perf.h"
#include "perf/ring.h"

struct perf {
    struct perf_event_attr attributes;
    struct perf_layout layout;
    struct perf_facts facts;
    pid_t pid;
    struct perf_ring *rings;     /* one a processor */
    struct perf_glance *glances; /* at the next record of each; its time is UINT64_MAX where there is none */
    size_t ring_count;
    struct {
        int *items;
        size_t count, capacity;
    } events; /* all descriptors, those of the rings among them */
    int epoll_fd, timer_fd;
    uint64_t began_ns; /* samples before are passed over: not all threads had their events yet */
    uint64_t lost, throttled;
    bool reused;                /* the process has ended and its number is another's: nothing more is taken */
    struct perf_owners *owners; /* by thread, where one may have events twice; else NULL */
    void *spare;                /* PERF_RECORD_SIZE_MAX: a record in one piece */
};

/* attributes.c: as asked for, before the kernel has a say. */
void perf_attributes(const struct perf_options *options, struct perf_event_attr *ret_attributes);

/* event.c: opens one and puts it into perf->events. tid -1: for whatever runs there. Returns the descriptor,
 * which perf owns, or a negative errno. */
int perf_event_add(struct perf *perf, pid_t tid, int processor) _must_check_;
/* Gives a processor its ring, as large as may be, on that event. */
int perf_ring_add(struct perf *perf, struct perf_ring *ring, int fd, struct error *error) _must_check_;

/* online.c: fills perf->rings with the processors that are on. One that is switched on later is not sampled.
 */
int perf_processors_find(struct perf *perf) _must_check_;

/* threads.c: all threads of the process, and those born meanwhile. */
int perf_threads_open(struct perf *perf, const struct pidref *process, struct error *error) _must_check_;

/* refusal.c: says why the kernel refused with this errno. Returns the negative errno to be returned. */
int perf_refuse(const struct pidref *process, const struct perf *perf, int code, struct error *error);
