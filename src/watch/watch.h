/* What all processes of the machine do, sample after sample, and what has changed between two of them.
 *
 * A sample reads two small files of each process (stat, io); what seldom changes (facts.h) is read when a
 * process is first seen or has another name, and of every sixteenth process in each sample. */
#pragma once

#include "proc/io.h"
#include "proc/load.h"
#include "watch/facts.h"

enum watched_change {
    WATCHED_WHOLE = 1 << 0, /* new, or other facts */
    WATCHED_STATE = 1 << 1,
    WATCHED_CPU = 1 << 2,
    WATCHED_MEMORY = 1 << 3,
    WATCHED_THREADS = 1 << 4,
    WATCHED_READ = 1 << 5,
    WATCHED_WRITTEN = 1 << 6,
};

/* What is shown of a process and changes all the time. */
struct watched_values {
    char state; /* as in stat */
    pid_t parent;
    uint64_t cpu_permille; /* of one processor, since the last sample */
    uint64_t memory;       /* resident bytes */
    uint64_t threads;
    uint64_t read, written; /* bytes a second, since the last sample */
};

struct watched {
    pid_t pid;
    uint64_t start_ticks; /* with pid its identity */
    struct watched_values values;
    unsigned changes; /* enum watched_change, since the sample before */
    struct watch_facts *facts;
    char comm[COMM_MAX]; /* as the facts had it */
    /* private */
    uint64_t cpu_ticks;
    struct proc_io io;
    bool has_io, has_no_io; /* known; not to be asked for again before the facts are */
};

struct watch {
    struct watched *items; /* ascending pid */
    size_t count, capacity;
    pid_t *ended; /* since the sample before, ascending; a pid may also be an item's, who has it anew */
    size_t ended_count, ended_capacity;
    size_t left_out; /* processes beyond LIMIT_WATCHED */
    struct host host;
    struct host_load load;
    uint64_t host_cpu_permille; /* of all processors, since the last sample */
    int64_t time_ns;            /* of the sample, since 1970 */
    uint64_t samples;           /* taken so far */
    /* private */
    uint64_t sampled_ns; /* monotonic */
};

void watch_release(struct watch *watch);
#define _cleanup_watch_ _cleanup_(watch_release)

/* Takes a sample: the first into a watch that is all zeros. On failure the watch can only be released. */
int watch_sample(struct watch *watch, const struct procfs *procfs) _must_check_;
