/* A /proc to read: the real one or a recorded tree in a test. Everything of src/proc starts here. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct procfs {
    int fd;    /* of the directory */
    bool live; /* the procfs of our own pid namespace: its numbers are pids, so that pidfds make sense */
};

/* path: "/proc" or a recorded tree. */
int procfs_open(const char *path, struct procfs *ret_procfs, struct error *error) _must_check_;
void procfs_close(struct procfs *procfs);
#define _cleanup_procfs_ _cleanup_(procfs_close)

/* Whether fd, a directory, is such a procfs. */
bool procfs_is_live(int fd);
