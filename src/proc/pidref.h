/* A process, once it was seen: pid, pidfd, an open /proc/PID directory and its start time, so that a pid that
 * was used again is never taken for the process that had it before. */
#pragma once

#include "proc/procfs.h"

#include <sys/types.h>

struct pidref {
    pid_t pid;
    int dir_fd;          /* /proc/PID; reads through it fail with ESRCH once the process is gone */
    int pid_fd;          /* -1 where the procfs is not live, or the kernel or a filter has no pidfds for us */
    uint64_t start_time; /* field 22 of stat, in clock ticks since boot */
};

#define PIDREF_INIT ((struct pidref){.dir_fd = -1, .pid_fd = -1})

/* -ESRCH "Process with an Id of N is not running."; a thread id that is not a process is -ESRCH too. */
int pidref_open(const struct procfs *procfs, pid_t pid, struct pidref *ret_ref,
                struct error *error) _must_check_;
void pidref_close(struct pidref *ref);
#define _cleanup_pidref_ _cleanup_(pidref_close)

/* Whether it still runs (a zombie counts: it is still there). */
bool pidref_alive(const struct pidref *ref);

/* Whether all its threads have ended, also where nobody has waited for it yet. */
bool pidref_has_ended(const struct pidref *ref);

/* Signals exactly this process, also without a pidfd and through a procfs of an inner pid namespace. -ESRCH
 * when it is gone, -EOPNOTSUPP in a recorded tree or an outer namespace's procfs, where the kernel may say
 * -EINVAL too. */
int pidref_signal(const struct pidref *ref, int signal) _must_check_;
