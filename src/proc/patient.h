/* Doing what a hung process may never let us finish, by a thread of its own. For src/proc, src/capture and
 * src/watch.
 *
 * cmdline, environ and maps wait for the lock of the process's memory, which a thread of it that hangs in the
 * kernel may hold for ever; and its program may lie in a network file system that is gone. A list of
 * processes must not hang with it, as ps does. */
#pragma once

#include "base/buffer.h"

struct patient_work {
    void (*run)(int directory_fd, void *data);
    void (*drop)(void *data); /* frees what data has, of work that was given up; may be NULL */
    size_t size;              /* of data */
};

/* Runs the work upon a copy of data, and copies that back. -ETIMEDOUT: it has not come to its end within
 * LIMIT_HUNG_MS, data is as it was; and at once for a process (directory_fd: /proc/PID) of which the same
 * work was given up and still hangs. -EAGAIN: LIMIT_HUNG_READS of this work hang, which says nothing of this
 * process. The thread ends when the process lets it, or with us. There are two works (tasks in patient.c). */
int patient_do(int directory_fd, const struct patient_work *work, void *data) _must_check_;

/* proc_read_memory_file(), so. */
int proc_read_patiently(int directory_fd, const char *name, struct buffer *buffer) _must_check_;

/* Whether all that reads the process's memory would hang just now. */
bool proc_memory_is_locked(int directory_fd);
