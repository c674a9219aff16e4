/* Where bytes go, in order, once: a descriptor, memory, a file that appears whole or not at all.
 * The writer does not know which. Sinks are chained for limits and progress (and later compression). */
#pragma once

#include "base/buffer.h"
#include "base/error.h"

struct sink;

struct sink_ops {
    const char *name;
    int (*write)(struct sink *sink, const void *bytes, size_t size); /* all of it, or a negative errno */
    int (*finish)(struct sink *sink, struct error *error); /* all is written: make it last. May be NULL */
    void (*free)(struct sink *sink); /* without finish before: what was written is given up */
};

struct sink {
    const struct sink_ops *ops;
    uint64_t written; /* bytes taken so far; kept by sink_write */
};

int sink_write(struct sink *sink, const void *bytes, size_t size) _must_check_;
int sink_finish(struct sink *sink, struct error *error) _must_check_;
void sink_free(struct sink *sink); /* accepts NULL */

static inline void cleanup_sink(struct sink **sink)
{
    sink_free(*sink);
}
#define _cleanup_sink_ _cleanup_(cleanup_sink)

/* Writes to fd, which stays the caller's. A reader that takes nothing for stall_ms (negative: for ever) ends
 * the write with -ETIMEDOUT, one that is gone with -EPIPE (SIGPIPE must be ignored). With a stall limit fd is
 * made non-blocking, for all who share it. */
int sink_fd_new(int fd, int stall_ms, struct sink **ret_sink) _must_check_;
/* One that takes less than min_rate bytes a second, averaged over stall_ms of waiting, likewise. */
int sink_fd_paced_new(int fd, int stall_ms, uint64_t min_rate, struct sink **ret_sink) _must_check_;

/* Appends to buffer, which stays the caller's and brings its limit: -EFBIG past it. */
int sink_memory_new(struct buffer *buffer, struct sink **ret_sink) _must_check_;

/* Writes beside path under a temporary name and renames at finish, so that path never holds half a file. The
 * file is readable by its owner only. Given up without finish, the temporary file is removed. A path that
 * leads to a device or FIFO (/dev/stdout) is written as it stands. */
int sink_file_new(const char *path, struct sink **ret_sink, struct error *error) _must_check_;

/* Passes on to next (which it owns) up to maximum bytes: -EFBIG past them. */
int sink_limit_new(struct sink *next, uint64_t maximum, struct sink **ret_sink) _must_check_;
