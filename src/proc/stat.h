/* /proc/PID/stat and /proc/PID/task/TID/stat: proc(5), kernel fs/proc/array.c do_task_stat(). The name may
 * hold anything,
 * `) (` too: the last ')' ends it. */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { COMM_MAX = 64 }; /* 16 for user tasks; kernel threads' names can be longer */

struct proc_stat {
    pid_t pid, parent, group, session;
    char name[COMM_MAX]; /* raw bytes */
    char state;          /* R S D Z T t X I */
    uint64_t flags;      /* PF_* of the kernel */
    uint64_t user_ticks, system_ticks, child_user_ticks, child_system_ticks;
    int64_t priority, nice, thread_count;
    uint64_t start_ticks; /* since boot */
    uint64_t virtual_bytes;
    int64_t resident_pages;
    uint64_t start_stack, stack_pointer, instruction_pointer; /* the latter two 0 unless exiting or dumping */
    int64_t processor, realtime_priority, policy;
};

#define PROC_FLAG_KERNEL_THREAD 0x00200000u

int proc_stat_parse(const char *text, size_t size, struct proc_stat *ret_stat) _must_check_; /* -EBADMSG */
/* directory_fd: /proc/PID or /proc/PID/task/TID. -ESRCH when it is gone. */
int proc_stat_read(int directory_fd, struct proc_stat *ret_stat) _must_check_;
/* The same of one of its threads, with as few calls as can be: there may be thousands. directory_fd:
 * /proc/PID. */
int proc_stat_read_thread(int directory_fd, pid_t thread, struct proc_stat *ret_stat) _must_check_;
