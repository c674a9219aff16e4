/* Read bytes at an address: of a live process, of a file, of bytes made up in a test. Whoever reads through
 * this knows neither pids nor ptrace. */
#pragma once

#include "base/buffer.h"
#include "base/error.h"

#include <sys/types.h>

struct memory;

struct memory_piece_read {
    uint64_t address;
    void *bytes;
    size_t size;
};

struct memory_ops {
    const char *name;
    /* Reads up to size bytes at address. Returns how many there were from address on without a gap (0 ..
     * size), or a negative errno when nothing could be read: -EIO or -EFAULT not mapped or not readable,
     * -ESRCH the process is gone. */
    ssize_t (*read)(const struct memory *memory, uint64_t address, void *bytes, size_t size);
    void (*free)(struct memory *memory);
    /* Reads many pieces at once, which costs less than one by one: returns how many of the first are there as
     * a whole; the others may have been written to, too. NULL: there is no such way. */
    size_t (*read_many)(const struct memory *memory, const struct memory_piece_read *pieces, size_t count);
};

struct memory {
    const struct memory_ops *ops;
};

ssize_t memory_read(const struct memory *memory, uint64_t address, void *bytes, size_t size) _must_check_;
void memory_free(struct memory *memory); /* accepts NULL */

static inline void cleanup_memory(struct memory **memory)
{
    memory_free(*memory);
}
#define _cleanup_memory_ _cleanup_(cleanup_memory)

/* All of size bytes, or -EIO. */
int memory_read_exactly(const struct memory *memory, uint64_t address, void *bytes, size_t size) _must_check_;
int memory_read_u16(const struct memory *memory, uint64_t address, uint16_t *ret_value) _must_check_;
int memory_read_u32(const struct memory *memory, uint64_t address, uint32_t *ret_value) _must_check_;
int memory_read_u64(const struct memory *memory, uint64_t address, uint64_t *ret_value) _must_check_;
/* A NUL-terminated string of fewer than size bytes into text: -ENAMETOOLONG where no NUL comes in time. */
int memory_read_string(const struct memory *memory, uint64_t address, char *text, size_t size) _must_check_;

/* Reads size bytes whatever happens: page by page where the whole can't be had, zeros for the pages that
 * can't be read at all. Returns how many bytes were really read. page_size is a power of two. */
size_t memory_read_padded(const struct memory *memory, uint64_t address, void *bytes, size_t size,
                          size_t page_size);

/* The same of many pieces. Returns how many bytes of all of them were really read. */
size_t memory_read_many_padded(const struct memory *memory, const struct memory_piece_read *pieces,
                               size_t count, size_t page_size);

/* A file's bytes at their offsets, or a process's at their addresses with /proc/PID/mem. Takes over fd on
 * success. */
int memory_fd_new(int fd, struct memory **ret_memory) _must_check_;

/* size bytes, borrowed, that stand at base. */
int memory_bytes_new(uint64_t base, const void *bytes, size_t size, struct memory **ret_memory) _must_check_;

struct memory_range {
    uint64_t start, end; /* end is behind the last */
};

/* base, but over's bytes where the ranges are: ascending, apart from each other, copied. Both memories are
 * borrowed. */
int memory_overlay_new(const struct memory *base, const struct memory *over,
                       const struct memory_range *ranges, size_t count,
                       struct memory **ret_memory) _must_check_;
