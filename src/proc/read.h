/* Reading the small files of /proc/PID. For src/proc and src/capture.
 *
 * A process that is gone shows in two ways: its files can't be looked up (ENOENT) or can't be read (ESRCH).
 * Both become -ESRCH here, for files that every process has. */
#pragma once

#include "base/buffer.h"

/* Reads a file that the kernel writes in one piece (stat, status) into text: one read() where it fits.
 * Returns 0, -ESRCH, or -ENOBUFS where it is longer than size. */
int proc_read_small(int directory_fd, const char *name, char *text, size_t size,
                    size_t *ret_size) _must_check_;

/* Appends a whole file. -ESRCH as above, -ENOBUFS at the buffer's limit, which leaves what fitted. */
int proc_read_whole(int directory_fd, const char *name, struct buffer *buffer) _must_check_;

/* The same for a file about the memory of a process (maps, environ, cmdline). Kernel threads and zombies have
 * none, which since Linux 6.16 some of these files say with ESRCH: they stay empty here. */
int proc_read_memory_file(int directory_fd, const char *name, struct buffer *buffer) _must_check_;
