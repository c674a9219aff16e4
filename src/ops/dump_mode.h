/* How a dump gets at the memory of its target, and for how long that holds it: asked for by mode= and
 * maxPauseMs=, decided before the target is touched. */
#pragma once

#include "ops/operation.h"
#include "trace/snapshot.h"

struct dump_wish {
    enum dump_wish_mode { DUMP_AUTO, DUMP_SNAPSHOT, DUMP_STOP } mode;
    uint64_t max_pause_ms; /* 0 none */
};

int dump_wish_read(const struct request *request, struct dump_wish *ret_wish,
                   struct error *error) _must_check_;

struct dump_mode_question {
    const struct dump_wish *wish;
    const struct procfs *procfs;
    const struct pidref *target;
    bool reads_memory;     /* beyond the stacks */
    size_t threads;        /* of the target; 0: to be looked up, as the next */
    uint64_t memory_bytes; /* of it that go into the dump */
};

struct dump_mode {
    const char *name; /* as X-Dump-Mode has it: snapshot or stop */
    bool is_snapshot;
    char reason[256];  /* why it is not the snapshot: one sentence; "": it is, or there is no need of one */
    uint64_t pause_us; /* the hold that is expected, of a target that sleeps */
    struct snapshot_options snapshot;
};

void dump_mode_expect(const struct dump_mode_question *question, struct dump_mode *ret_mode);

/* What trace_hold() would say. */
int dump_allowed(const struct procfs *procfs, const struct pidref *target, struct error *error) _must_check_;

/* Whether the mode is what was wished for. -EBUSY with a sentence: it is not possible, or would hold the
 * target for longer than it may be held. Or as dump_allowed(). */
int dump_mode_check(const struct dump_mode_question *question, const struct dump_mode *mode,
                    struct error *error) _must_check_;
