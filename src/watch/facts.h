/* What a process is, for a list: what seldom changes. */
#pragma once

#include "capture/process.h"
#include "capture/runtime.h"
#include "proc/cgroup.h"

enum { WATCH_COMMAND_MAX = 512 };

enum watch_badge {
    BADGE_KERNEL = 1 << 0,  /* a kernel thread */
    BADGE_SECCOMP = 1 << 1, /* its system calls are filtered */
    BADGE_TRACED = 1 << 2,  /* by a debugger, as long as it is */
    BADGE_DELETED = 1 << 3, /* its program's file was removed or replaced since */
    BADGE_SCM = 1 << 4,     /* Kudu's own site, and a web job: what Azure says in its environment */
    BADGE_WEBJOB = 1 << 5,
    BADGE_HUNG = 1 << 6, /* its memory is locked: a thread of it hangs in the kernel (proc/patient.h) */
};

struct watch_facts {
    char name[256]; /* raw bytes, like the others */
    char command[WATCH_COMMAND_MAX];
    char runtime[RUNTIME_TEXT_MAX]; /* "Python 3.11.7", "native"; "" unknown */
    struct proc_cgroup cgroup;
    uid_t user; /* effective */
    unsigned badges;
};

/* What can't be read is left empty. directory_fd: /proc/PID. */
void watch_facts_read(int directory_fd, const struct proc_stat *stat, struct watch_facts *ret_facts);
