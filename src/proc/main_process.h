/* Which process is "the main one" (id -1 of Kudu): what was configured, else in a container the workload. */
#pragma once

#include "proc/pidref.h"

struct main_process_choice {
    pid_t pid;            /* 0 = not configured */
    const char *name;     /* NULL = not configured */
    const char *pid_file; /* NULL = not configured */
};

/* -ESRCH with a sentence that says how to name it. In a container without configuration: pid 1, or the child
 * that an init there (tini, dumb-init, docker-init, catatonit, sh -c, s6-svscan ...) started; never
 * ourselves. */
int main_process_find(const struct procfs *procfs, const struct main_process_choice *choice, pid_t own_pid,
                      pid_t *ret_pid, struct error *error) _must_check_;
