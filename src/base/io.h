/* Reading and writing descriptors whole, EINTR and short counts dealt with. */
#pragma once

#include "base/buffer.h"

#include <stdint.h>
#include <sys/types.h>

/* Reads until size bytes are there or the end is reached. Returns the count, or a negative errno. */
ssize_t io_read_full(int fd, void *bytes, size_t size) _must_check_;
ssize_t io_pread_full(int fd, void *bytes, size_t size, off_t offset) _must_check_;

/* Writes everything, waiting with poll() where the descriptor does not block. Returns 0 or a negative errno;
 * -ETIMEDOUT where not one byte could be written for stall_ms milliseconds (negative: wait for ever). */
int io_write_full(int fd, const void *bytes, size_t size, int stall_ms) _must_check_;

/* The same for a reader that must also keep up a rate: over each stall_ms that is spent waiting for it, it
 * has to take min_rate bytes a second on average, else -ETIMEDOUT. One struct for all writes to it. */
struct io_pace {
    int stall_ms;              /* negative: wait for ever, and at any rate */
    uint64_t min_rate;         /* 0: any */
    uint64_t waited_ms, taken; /* private: of the present window */
};
int io_write_paced(int fd, const void *bytes, size_t size, struct io_pace *pace) _must_check_;

/* Appends the whole file name below directory_fd (AT_FDCWD allowed), read with as few calls as can be, since
 * files of /proc are one instant only within one read. Stops at the buffer's limit with -ENOBUFS. */
int io_read_file_at(int directory_fd, const char *name, struct buffer *buffer) _must_check_;

/* Opens the file at path, which others may have chosen, for reading: a regular one that is not empty, else
 * -ENOENT. It is looked at first: to open a device can do things, and files of /proc, which say that they are
 * empty, can be used up by reading. */
int io_open_regular(const char *path, int *ret_fd) _must_check_;

/* The target of the symbolic link, NUL-terminated and owned by the caller. */
int io_readlink_at(int directory_fd, const char *name, char **ret_target) _must_check_;

/* Closes every descriptor from `from` on but these; before Linux 5.9 none. */
void io_close_all_but(int from, const int *kept, size_t count);
