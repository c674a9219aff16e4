/* What thread_read, threads_read and process_info_read share. Used within src/capture only. */
#pragma once

#include "capture/process.h"

/* Fills thread from the stat of task `id`. -ESRCH where it is gone. task_fd: /proc/PID/task. */
int thread_stat_read(int task_fd, pid_t id, const struct host *host,
                     struct thread_info *ret_thread) _must_check_;

/* The threads `ids` in the short form; those that are gone are left out. */
int threads_read_ids(int task_fd, const struct id_list *ids, const struct host *host,
                     struct thread_list *ret_list) _must_check_;

/* Wait channel and system call of one thread, each only where this user may see it. thread_fd:
 * /proc/PID/task/TID. */
void thread_wait_read(int thread_fd, bool kernel_thread, struct thread_info *thread);

/* The text of /proc/PID/task/TID/syscall into system_call and its arguments: kernel fs/proc/base.c
 * proc_pid_syscall(). Anything but "NUMBER 0xARG ... 0xSP 0xPC" leaves -1. */
void thread_system_call_parse(const char *text, size_t size, struct thread_info *thread);

/* Whether the process runs 32-bit code on a 64-bit machine, by the class of its ELF file; false where that
 * can't be read. directory_fd: /proc/PID. */
bool process_is_32_bit(int directory_fd);

/* The children of a process, all threads' together, ascending. */
int children_read(const struct procfs *procfs, pid_t pid, int task_fd, const struct id_list *threads,
                  struct id_list *ret_children) _must_check_;

int64_t ticks_to_ns(const struct host *host, uint64_t ticks);
