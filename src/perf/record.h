/* What the kernel writes into the ring of a perf event: linux/perf_event.h, enum perf_event_type, for the
 * events that src/perf opens. Parsing is a pure function of bytes; what it gives points into them. */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PERF_RECORD_SIZE_MAX = 65536, PERF_BUILD_ID_MAX = 20 };

/* What the records of an event hold: follows from the attributes that it was opened with. */
struct perf_layout {
    bool has_id;        /* PERF_SAMPLE_ID */
    bool has_stack;     /* PERF_SAMPLE_REGS_USER and PERF_SAMPLE_STACK_USER */
    unsigned registers; /* how many, where has_stack */
};

/* A thread was seen running. The innermost address comes first; it is where the thread is, all others are
 * where it returns to. */
struct perf_sample {
    const uint64_t *kernel; /* addresses in the kernel; none where the thread ran its own code */
    size_t kernel_count;
    const uint64_t *user; /* found by frame pointers; none where the stack was taken instead */
    size_t user_count;
    /* As the kernel numbers them (asm/perf_regs.h), those of perf_register_mask only, without gaps. NULL: not
     * asked for, or a thread of the kernel. */
    const uint64_t *registers;
    bool is_32_bit;       /* the registers are those of a 32-bit process */
    const uint8_t *stack; /* from the stack pointer upwards; NULL: not asked for, or not to be had */
    size_t stack_size;    /* bytes that could be read */
};

/* The process has mapped something executable: a library, memory of a JIT ("//anon"), or all of a program
 * that it has just become. */
struct perf_mapping {
    uint64_t start, size, offset; /* bytes; offset in the file */
    uint32_t device_major, device_minor;
    uint64_t inode, inode_generation;    /* and device: 0 where there is a build id instead */
    uint8_t build_id[PERF_BUILD_ID_MAX]; /* Linux 5.12, where the file has one */
    size_t build_id_size;                /* 0: none */
    uint32_t protection, flags;          /* as of mmap(2) */
    const char *path;                    /* as the process sees it: bytes of its choice */
};

enum perf_kind {
    PERF_KIND_OTHER, /* of no interest; nothing but kind is set */
    PERF_KIND_SAMPLE,
    PERF_KIND_MAPPING,
    PERF_KIND_NAME,     /* a thread has another name */
    PERF_KIND_BEGIN,    /* a thread was born */
    PERF_KIND_END,      /* a thread has ended */
    PERF_KIND_LOST,     /* the ring was full; no pid and tid */
    PERF_KIND_THROTTLED /* the kernel leaves out samples, since they took too much time; no pid and tid */
};

struct perf_record {
    enum perf_kind kind;
    pid_t pid, tid;   /* in the pid namespace of who opened the event */
    uint64_t time_ns; /* CLOCK_MONOTONIC */
    uint64_t id;      /* of the event, where the layout has it */
    union {
        struct perf_sample sample;
        struct perf_mapping mapping;
        struct {
            const char *text;
            bool by_exec; /* the process has become another program */
        } name;
        pid_t parent;  /* BEGIN, END: the process that the thread's process is, or was, a child of */
        uint64_t lost; /* LOST: records */
    };
};

/* Parses the record that bytes begin with; at most size of them are looked at. bytes is aligned to 8, as
 * records in a ring are, and what the record points to lives as long. Returns the record's size, or -EBADMSG.
 */
int perf_record_parse(const struct perf_layout *layout, const void *bytes, size_t size,
                      struct perf_record *ret_record) _must_check_;
