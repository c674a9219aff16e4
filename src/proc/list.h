/* Every process there is, with the little that a list needs: one stat and one fstatat each, since lists are
 * asked for often. */
#pragma once

#include "proc/procfs.h"
#include "proc/stat.h"

struct process_entry {
    pid_t pid, parent;
    uid_t user; /* effective */
    uint64_t start_ticks;
    char state;
    bool kernel_thread;
    char name[COMM_MAX]; /* raw bytes */
};

struct process_list {
    struct process_entry *items; /* ascending pid */
    size_t count, capacity;
};

void process_list_release(struct process_list *list);
#define _cleanup_process_list_ _cleanup_(process_list_release)
int process_list_read(const struct procfs *procfs, struct process_list *ret_list) _must_check_;
