/* Where the threads of one process spend processor time: samples by perf_event_open(2), taken by the kernel
 * while they run. The process is not stopped, held or changed; nothing of it outlasts our descriptors.
 *
 * There are two ways. With CAP_PERFMON (or kernel.perf_event_paranoid at 0 or below) one event on each
 * processor samples whatever runs there, and what isn't the process's is passed over: few descriptors, the
 * same cost for any number of threads, and threads that live shortly are seen as fairly as others. Strangers
 * pay, too, and take room.
 *
 * Without that right, a process that we might trace gets events of its own: one for each thread on each
 * processor, which the kernel passes on to threads born later. Each switch from or to one of its threads
 * takes a microsecond or two longer then. A thread is first sampled after a whole period on a processor: one
 * that runs for less there is never seen, and of many that run now and then a good part is missed. */
#pragma once

#include "perf/record.h"
#include "proc/pidref.h"

enum perf_way { PERF_ANY_WAY, PERF_BY_PROCESSOR, PERF_BY_THREAD };

struct perf_options {
    unsigned frequency;   /* samples in a second of a processor's time, at most LIMIT_PERF_FREQUENCY; 0: 99 */
    bool kernel;          /* kernel addresses, too, if we may see them */
    uint32_t stack_bytes; /* 0: user addresses by frame pointers; else the user registers and so many bytes of
                             the stack, at most LIMIT_PERF_STACK, rounded up to 8 */
    bool cycles;       /* by the processor's counter of cycles, if it has one, rather than by the clock. Sees
                          into what the kernel does with interrupts off; a sample is then no fixed time */
    enum perf_way way; /* for tests and measurements */
};

/* What perf_open() could do. */
struct perf_facts {
    enum perf_way way;
    unsigned frequency;
    bool cycles;
    bool kernel_time; /* false: what happens in the kernel is not sampled at all, for want of a right */
    bool kernel_addresses;
    bool build_ids; /* mappings come with them */
    size_t processors, descriptors;
    size_t ring_bytes; /* of all rings together: locked memory */
};

struct perf;

/* What a process needs for this, in the order of the ways:
 *   -ESRCH       it is not running, or /proc is not that of our pid namespace
 *   -EACCES      a right is missing: the sentence says which, and what would give it
 *   -EMFILE      more descriptors than we may have
 *   -EINVAL      an option; the kernel's own limit of the frequency, too
 *   -EOPNOTSUPP  no perf events in this kernel
 * Sampling begins before it returns. process is borrowed for the call only. */
int perf_open(const struct pidref *process, const struct perf_options *options, struct perf **ret_perf,
              struct error *error) _must_check_;
void perf_close(struct perf *perf); /* accepts NULL */
static inline void cleanup_perf(struct perf **perf)
{
    perf_close(*perf);
}
#define _cleanup_perf_ _cleanup_(cleanup_perf)

const struct perf_facts *perf_facts(const struct perf *perf);

/* Readable when perf_read() should be called: a tenth of a second after the last time, or when a ring fills
 * up. */
int perf_fd_to_poll(const struct perf *perf);

/* Called for each record of the process, in the order of time; never of kind OTHER, LOST, THROTTLED. What the
 * record points to is gone when it returns. A negative errno ends the reading and is returned. */
typedef int (*perf_taker)(void *context, const struct perf_record *record);

/* Hands over what has come. Held back are the youngest few milliseconds, as something older may still come
 * from another processor; with all, those are handed over, too: the last time. */
int perf_read(struct perf *perf, bool all, perf_taker take, void *context) _must_check_;

/* Ends sampling; what is in the rings can still be read. */
void perf_stop(struct perf *perf);

/* Records that found no room since the opening. By processor, some of them were other processes'. */
uint64_t perf_lost(const struct perf *perf);
/* How often the kernel left out the rest of a tick, since sampling took too much time. */
uint64_t perf_throttled(const struct perf *perf);

/* The registers of a sample: bit N is register N of asm/perf_regs.h; they come in that order. */
extern const uint64_t perf_register_mask;
