/* NUL-separated blocks: /proc/PID/environ and cmdline. What is longer than LIMIT_ENVIRON is cut there, since
 * a process may say of any memory that this is its environment. Both are empty in the middle of an exec.
 * -ESRCH: gone; -ETIMEDOUT: it hangs (proc/patient.h). */
#pragma once

#include "base/buffer.h"

int proc_environ_read(int directory_fd,
                      struct buffer *ret_block) _must_check_; /* -EACCES without the right to */
int proc_cmdline_read(int directory_fd,
                      struct buffer *ret_block) _must_check_; /* empty for kernel threads and zombies */

/* Walks a block of NAME=value entries. *cursor starts at 0. False at the end. name and value point into the
 * block; entries without '=' or without a name are passed over, as programs leave rubbish there. */
struct environ_entry {
    const char *name;
    size_t name_size;
    const char *value; /* NUL-terminated within the block */
    size_t value_size;
};
bool environ_next(const struct buffer *block, size_t *cursor, struct environ_entry *ret_entry);
const char *environ_get(const struct buffer *block, const char *name); /* NULL: not set */

/* The arguments joined by blanks, quoted as a shell would need it where an argument holds more than plain
 * characters. A title that a server wrote over its arguments ("nginx: worker process") stays as it is. */
int cmdline_join(const struct buffer *block, struct buffer *out) _must_check_;
