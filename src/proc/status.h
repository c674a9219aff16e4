/* /proc/PID/status: kernel fs/proc/array.c proc_pid_status(). Fields that an old kernel lacks stay at their
 * "unknown". */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { NAMESPACE_DEPTH_MAX = 32 };

struct proc_status {
    char state;
    pid_t thread_group, parent,
        tracer;   /* tracer 0 = nobody, also when it is in a namespace that we can't see */
    uid_t uid[4]; /* real, effective, saved, file system */
    gid_t gid[4];
    pid_t namespace_pids[NAMESPACE_DEPTH_MAX]; /* NSpid: ours first, innermost last */
    size_t namespace_depth;
    /* bytes; -1 unknown (kernel threads and zombies have no memory) */
    int64_t vm_peak, vm_size, vm_locked, vm_hwm, vm_rss, vm_data, vm_stack, vm_exe, vm_lib, vm_pte, vm_swap;
    int64_t thread_count;
    uint64_t signals_pending, signals_shared_pending, signals_blocked, signals_ignored, signals_caught;
    uint64_t cap_inheritable, cap_permitted, cap_effective, cap_bounding, cap_ambient;
    int no_new_privileges; /* -1 unknown */
    int seccomp;           /* 0 off, 1 strict, 2 filter, -1 unknown */
    int dumping;           /* CoreDumping, -1 unknown */
};

int proc_status_parse(const char *text, size_t size, struct proc_status *ret_status) _must_check_;
int proc_status_read(int directory_fd, struct proc_status *ret_status) _must_check_;
