/* A copy-on-write clone of a held process, made through ptrace, so that the process runs on while the clone
 * is read. How, and why it is safe whenever we die: docs/SNAPSHOT.md.
 *
 *   snapshot_suits(...)    before the stop
 *   trace_hold(...)
 *   trace_snapshot(...)
 *   trace_let_go(...)      the process runs on
 *   trace_memory(...)      of the clone now, for as long as it takes
 *   trace_release(...)     ends the clone
 *
 * In the clone's memory are missing: mappings with MADV_DONTFORK (not there) and MADV_WIPEONFORK (zeros).
 * Shared mappings are the process's own: they go on changing. */
#pragma once

#include "trace/trace.h"

struct snapshot_options {
    uint64_t deadline_ms; /* for the clone to be made, beyond which it is given up */
    uint64_t expected_us; /* how long it is expected to take, while the process is held */
    uint64_t vdso_start, vdso_end;
    bool has_filters; /* of seccomp: to be looked at */
};

/* Whether a snapshot may be tried at all. Fills in the options. -EOPNOTSUPP with the reason in one sentence:
 * then stop and read. -ESRCH. */
int snapshot_suits(const struct pidref *process, struct snapshot_options *ret_options,
                   struct error *error) _must_check_;

/* Clones the process that trace holds; it is held as before when this returns. Once for each
 * trace. -EOPNOTSUPP, -EAGAIN, -ENOMEM, -EPERM, -ETIMEDOUT: not this time, with the reason in one sentence:
 * then read what is held. -ESRCH: it was killed, or a thread of it is held no more: release it. */
int trace_snapshot(struct trace *trace, const struct pidref *process, const struct snapshot_options *options,
                   struct error *error) _must_check_;

/* After trace_snapshot: the process runs on, the clone stays. ret_held_ns as in trace_release. */
void trace_let_go(struct trace *trace, uint64_t *ret_held_ns);

/* /proc/PID of the clone, owned by the trace; -1 without a snapshot. */
int trace_clone_directory(const struct trace *trace);
pid_t trace_clone_id(const struct trace *trace);
/* Why the clone was ended before its time, as a sentence, where its memory reads as gone. */
const char *trace_clone_lost(const struct trace *trace);
