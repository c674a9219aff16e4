/* Reading what a hung process may never give. For src/proc, src/capture and src/watch.
 *
 * cmdline and environ are read out of the process's memory: that waits for its memory's lock, which a thread
 * that hangs in the kernel may hold for ever (a page of a network file system that is gone, for one). A list
 * of processes must not hang with it, as ps does. */
#pragma once

#include "base/buffer.h"

/* As proc_read_memory_file(), by a thread of its own. -ETIMEDOUT: nothing came within LIMIT_HUNG_MS; and at
 * once for a process that has not given the last one yet, or where LIMIT_HUNG_READS threads wait already. The
 * waiting thread ends when the process gives what was asked, or with us. */
int proc_read_patiently(int directory_fd, const char *name, struct buffer *buffer) _must_check_;
