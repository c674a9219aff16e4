/* A process at one instant, as plain structs: what a writer of dumps works from. Made live (capture_live), or
 * by a test out of nothing. Bytes of memory are not in it, except the stacks where they were asked for: they
 * come through a struct memory. */
#pragma once

#include "capture/module.h"
#include "capture/range.h"
#include "proc/files.h"
#include "proc/maps.h"
#include "trace/snapshot.h"

struct capture_thread {
    pid_t id;
    char name[64];
    char state;
    int priority, nice;
    int64_t start_time, user_time, system_time; /* ns */
    uint64_t start_address;                     /* 0 unknown */
    struct registers registers;
    uint64_t stack_start, stack_size; /* the piece of its stack that goes into the dump: from below the stack
                                         pointer up; 0: none */
    const uint8_t *stack;             /* its bytes, in stacks below; NULL: to be read through the memory */
    const uint8_t *extended;          /* its extended registers, in extended below; NULL: not read */
    size_t extended_size;
};

/* A copy of some of the process's memory. */
struct memory_piece {
    uint64_t start, end;
    const uint8_t *bytes;
};

struct memory_piece_list {
    struct memory_piece *items;
    size_t count, capacity;
};

struct capture {
    pid_t pid, parent;
    uid_t user;
    char name[256];
    char machine_version[256];                  /* uname */
    int64_t time;                               /* of the capture, ns since 1970 */
    int64_t start_time, user_time, system_time; /* of the process, ns */
    uint64_t page_size;
    pid_t requesting_thread; /* the one that goes into the Exception stream: the leader, or the first that
                                lives */
    struct capture_thread *threads;
    size_t thread_count, thread_capacity;
    struct map_list maps;
    struct module_list modules;
    struct open_file_list files;
    /* The parts of mappings that hold anything: of private anonymous ones, and of the shared memory in
     * `shared`. Both ascending, and only with present_known. */
    struct range_list present, shared;
    bool present_known; /* capture_map_is_sparse() says for which mappings */
    /* as the kernel gave them; size 0 where they could not be read */
    struct buffer maps_text, status_text, stat_text, cmdline, environ, auxv, cpuinfo_text, lsb_release_text,
        uptime_text;
    struct buffer stacks;   /* all captured stacks */
    struct buffer extended; /* all captured extended registers */
    /* Copies of the pages that linkage_find() names, ascending, apart from each other. */
    struct memory_piece_list linkage;
    struct buffer linkage_bytes;
    /* Stacks that were left for that of a signal's handler (interrupted.h), ascending, apart from each other;
     * bytes NULL: to be read through the memory. */
    struct memory_piece_list interrupted;
    struct buffer interrupted_bytes;
    /* With a snapshot: what it is not of, and is read while the process runs. */
    struct range_list live;
    struct memory *running, *overlay; /* the process's own memory, and the clone's with it laid over; NULL:
                                         there is nothing that a clone lacks */
    bool is_snapshot;
    char mode_reason[256]; /* why there is none although it was asked for, in a sentence; "" */
    uint64_t held_ns;      /* how long the target was held, once it was let go */
};

/* Through which memory this capture's is to be read. NULL: there is only what was copied. */
const struct memory *capture_memory(const struct capture *capture, const struct trace *trace);

/* Whether capture.present speaks of this mapping. */
bool capture_map_is_sparse(const struct capture *capture, const struct map *map);

/* A value of the auxiliary vector (AT_...); 0 where there is none. */
uint64_t capture_auxv(const struct capture *capture, uint64_t type);

/* What was copied of the stacks that the thread is on, from address on. Returns how many bytes: 0 .. size. */
size_t capture_read_stack(const struct capture *capture, const struct capture_thread *thread,
                          uint64_t address, void *bytes, size_t size);

void capture_release(struct capture *capture);
#define _cleanup_capture_ _cleanup_(capture_release)

/* What else is read while the process is held, by somebody who knows where it is. */
struct capture_reader_ops {
    /* Before the stop, when mappings and modules are known. */
    void (*prepare)(void *context, const struct pidref *process, const struct capture *capture);
    /* In it. -ENOMEM; -ESRCH as the memory says. */
    int (*read)(void *context, const struct capture *capture, const struct memory *memory);
};

struct capture_options {
    bool copy_stacks;    /* copy the stacks and let go at once; else the caller reads memory while it holds */
    bool files;          /* fill capture.files: one or two system calls an open file */
    bool thread_details; /* find the threads' start addresses */
    bool find_untouched; /* fill capture.present, for dumps of all memory */
    bool extended;       /* read the extended registers: of as many threads as LIMIT_EXTENDED_BUDGET holds */
    bool no_texts;       /* leave the texts of /proc empty */
    bool general_only;   /* of the registers only the general ones: enough to unwind stacks */
    bool copy_linkage;   /* fill capture.linkage; before the stop, so it costs the target nothing */
    /* Don't hold it at all: for an estimate. Of the registers there is only where the threads that sleep
     * stand, and no stack is copied; *ret_trace is NULL. */
    bool unheld;
    /* Make a snapshot and let go at once; NULL: don't. Where it can't be made: read while it is held, or with
     * snapshot_only fail as trace_snapshot(), with EAGAIN where that took too long. */
    const struct snapshot_options *snapshot;
    bool snapshot_only;
    const struct capture_reader_ops *reader; /* with copy_stacks only; NULL: none */
    void *reader_context;
    uint64_t deadline_ms;
    uint64_t *failed_ns; /* gets for how long it was held although this failed; may be NULL */
    uint64_t most_ms;    /* as in struct trace_options, as the next three */
    uint64_t wait_ms;
    bool once;
    uint64_t *waited_ns;
};

/* Holds the process for as short as can be and fills ret_capture (empty before). With copy_stacks the process
 * runs again when this returns and *ret_trace is NULL; with a snapshot it runs again, too, and *ret_trace has
 * the clone; else *ret_trace holds it and the caller lets it go with trace_release. All that can be read
 * without a stop is read outside the hold. Errors as trace_hold. */
int capture_live(const struct procfs *procfs, const struct pidref *process,
                 const struct capture_options *options, struct capture *ret_capture, struct trace **ret_trace,
                 struct error *error) _must_check_;
