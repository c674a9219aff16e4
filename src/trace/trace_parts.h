/* What trace.c and snapshot.c share. */
#pragma once

#include "trace/hold.h"
#include "trace/inject.h"
#include "trace/snapshot.h"

struct trace {
    struct hold hold;
    bool begun;            /* the hold is there, if only to be ended */
    struct memory *memory; /* of the process, then of the clone */

    struct injection injection;
    pid_t clone;          /* 0 none */
    bool clone_collected; /* the holder's: its id may be another's */
    int clone_directory;  /* /proc/PID of it; -1 none */
    pid_t process_id, keeper;
    const char *_Atomic lost;
};

/* Both take over of. -ENOMEM. The pid is that of a thread that is held meanwhile: its number can't be
 * another's. */
int process_memory_new(struct memory *of, pid_t pid, struct memory **ret_memory) _must_check_;
int held_memory_new(struct memory *of, const struct hold *hold, struct memory **ret_memory) _must_check_;

/* Ends what trace_snapshot began. */
void snapshot_end(struct trace *trace);
