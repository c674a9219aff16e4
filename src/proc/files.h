/* Open files of a process: path, or what stands behind the descriptor. */
#pragma once

#include "base/array.h"
#include "base/error.h"
#include "proc/pidref.h"

struct open_file {
    int fd;
    char *text;     /* owned: "/var/log/x", "tcp 127.0.0.1:80 -> 10.0.0.2:5123", "unix @name", "pipe:[12]",
                       "eventfd", "memfd:x" ... */
    uint64_t flags; /* O_* as opened; 0 where not asked for or unknown */
    uint64_t position;
};

struct open_file_list {
    struct open_file *items;
    size_t count, capacity;
};

void open_file_list_release(struct open_file_list *list);
#define _cleanup_open_file_list_ _cleanup_(open_file_list_release)

/* -EACCES without the right to read them. details: flags and position too (one more file each). */
int open_files_read(const struct pidref *process, bool details, struct open_file_list *ret_list) _must_check_;
int open_files_count(const struct pidref *process,
                     size_t *ret_count) _must_check_; /* one fstat on Linux >= 6.2 */
