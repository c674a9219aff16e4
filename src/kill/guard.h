/* A process of ours that watches over those that we have stopped: should we be killed before we have ended
 * them, it lets them run again. A signal can't be taken back by a dead sender, and nobody else knows which
 * processes were stopped by us.
 *
 * It ignores signals and is in a session of its own, so that what ends us (Ctrl-C, a deadline, the service
 * manager's SIGTERM) does not end it. What it can't survive is SIGKILL to itself in the same moment: the out
 * of memory killer with memory.oom.group, cgroup.kill, or the end of its pid namespace (which ends them,
 * too). */
#pragma once

#include "proc/pidref.h"

struct guard {
    pid_t pid;  /* 0: there is none */
    int socket; /* -1 likewise */
};

#define GUARD_INIT ((struct guard){.socket = -1})

/* Without one, where no process can be had, all goes on: a tree that forks without end must be ended
 * precisely then. */
void guard_start(struct guard *guard, const struct procfs *procfs);
/* To be called before the process is stopped. */
void guard_note(const struct guard *guard, pid_t pid, uint64_t start_time);
/* Nobody is left stopped: the guard goes. */
void guard_end(struct guard *guard);
