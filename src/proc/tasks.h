/* The ids below a numbered directory of /proc: processes, the threads of one, its descriptors, its children.
 */
#pragma once

#include "proc/pidref.h"

struct id_list {
    pid_t *items; /* ascending */
    size_t count, capacity;
};

void id_list_release(struct id_list *list);
#define _cleanup_id_list_ _cleanup_(id_list_release)

int id_list_read(int directory_fd, const char *name,
                 struct id_list *ret_list) _must_check_; /* name: "." or "task" or "fd" */
/* Opens /proc/PID/task/TID. -ENOENT "Thread with an Id of T is not part of process N." */
int task_open(const struct pidref *process, pid_t thread, int *ret_directory_fd,
              struct error *error) _must_check_;
