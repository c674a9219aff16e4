/* A process as /proc shows it without stopping it, in plain structs. What can't be read is -1 or NULL;
 * *_denied says that it was for lack of permission. */
#pragma once

#include "capture/module.h"
#include "capture/runtime.h"
#include "proc/environ.h"
#include "proc/files.h"
#include "proc/host.h"
#include "proc/list.h"
#include "proc/maps.h"
#include "proc/stat.h"
#include "proc/status.h"
#include "proc/tasks.h"

/* One thread. Times are ns; start_time since 1970. */
struct thread_info {
    pid_t id;
    char name[COMM_MAX]; /* raw bytes */
    char state;          /* as in stat */
    int64_t start_time, user_time, system_time;
    int priority, nice, policy; /* of the kernel: priority as in stat; policy SCHED_* */
    int realtime_priority;
    int processor;          /* the one it ran on last */
    uint64_t start_address; /* of its start routine, 0 where it can't be found */
    char wait_channel[64];  /* kernel function it sleeps in, "" unknown or running */
    int64_t system_call;    /* number, -1 none or unknown */
    bool is_32_bit;         /* on a 64-bit machine: system_call is a number of the 32-bit table */
    uint64_t system_call_arguments[6];
};

/* short form: id, name, state and the other facts of stat. Full form adds wait channel, system call, start
 * address. */
int thread_read(const struct pidref *process, const struct host *host, pid_t id, bool full,
                struct thread_info *ret_thread, struct error *error) _must_check_;

struct thread_list {
    struct thread_info *items; /* ascending id */
    size_t count, capacity;
};
void thread_list_release(struct thread_list *list);
#define _cleanup_thread_list_ _cleanup_(thread_list_release)
/* Threads that end meanwhile are left out, never an error. */
int threads_read(const struct pidref *process, const struct host *host, bool full,
                 struct thread_list *ret_list) _must_check_;

struct process_info {
    struct proc_stat stat;
    struct proc_status status;
    bool kernel_thread;
    char name[256]; /* comm, see process_full_name */
    struct runtime runtime;
    char *file_name;            /* owned: the executable's path as the target sees it; NULL unknown */
    struct buffer command_line; /* quoted and joined */
    struct buffer environ;      /* NUL-separated block */
    bool is_profiled;           /* by us; left to who knows */
    bool is_hung;               /* its memory is locked: what lies there is unknown (proc/patient.h) */
    bool environ_denied, files_denied, modules_denied;
    int64_t start_time, user_time, system_time; /* ns */
    int64_t handle_count;                       /* -1 unknown */
    struct thread_list threads;                 /* short */
    struct module_list modules;
    struct open_file_list files;
    struct id_list children;
};
void process_info_release(struct process_info *info);
#define _cleanup_process_info_ _cleanup_(process_info_release)

/* -ESRCH when it ends meanwhile before its stat was read; later losses leave fields unknown. */
int process_info_read(const struct procfs *procfs, const struct pidref *process, const struct host *host,
                      struct process_info *ret_info, struct error *error) _must_check_;

/* The name as Kudu and .NET show it for a comm of 15 bytes: the base name of argv[0] when it begins with it.
 * For one that is a thread's name by nature (Node's MainThread) the base name of argv[0]. */
void process_full_name(int directory_fd, const char *comm, char *ret_name, size_t size);
