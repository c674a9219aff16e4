/* /proc/PID/io: kernel fs/proc/base.c do_io_accounting(). What went to and came from storage, of all threads,
 * those that ended too. */
#pragma once

#include "base/cleanup.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_io {
    uint64_t read_bytes, write_bytes;
};

int proc_io_parse(const char *text, size_t size, struct proc_io *ret_io) _must_check_; /* -EBADMSG */
/* directory_fd: /proc/PID. -EACCES for those whom we may not look into; -ESRCH when it is gone. */
int proc_io_read(int directory_fd, struct proc_io *ret_io) _must_check_;
