#include "capture/thread_parts.h"
#include "capture/thread_start.h"
#include "proc/read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { STAT_TEXT_MAX = 2048 }; /* 52 numbers of at most 20 digits and a name of 64 bytes */

int64_t ticks_to_ns(const struct host *host, uint64_t ticks)
{
    uint64_t rate = host->ticks_per_second;

    /* seconds and rest apart: ticks times 10^9 would pass 64 bits after some years of CPU time */
    return (int64_t)(ticks / rate * 1000000000u + ticks % rate * 1000000000u / rate);
}

static void thread_fill(const struct proc_stat *stat, const struct host *host, struct thread_info *ret_thread)
{
    *ret_thread = (struct thread_info){
        .id = stat->pid,
        .state = stat->state,
        .start_time = host_time_of_ticks(host, stat->start_ticks),
        .user_time = ticks_to_ns(host, stat->user_ticks),
        .system_time = ticks_to_ns(host, stat->system_ticks),
        .priority = (int)stat->priority,
        .nice = (int)stat->nice,
        .policy = (int)stat->policy,
        .realtime_priority = (int)stat->realtime_priority,
        .processor = (int)stat->processor,
        .system_call = -1,
    };
    memcpy(ret_thread->name, stat->name, sizeof ret_thread->name);
}

/* One open, read and close a thread: a process may have 10,000. */
static int stat_of_task(int task_fd, pid_t id, struct proc_stat *ret_stat)
{
    char name[32], text[STAT_TEXT_MAX];
    size_t size = 0;
    int r;

    (void)snprintf(name, sizeof name, "%d/stat", (int)id); /* fits */
    r = proc_read_small(task_fd, name, text, sizeof text, &size);
    return r < 0 ? r : proc_stat_parse(text, size, ret_stat);
}

int thread_stat_read(int task_fd, pid_t id, const struct host *host, struct thread_info *ret_thread)
{
    struct proc_stat stat;
    int r = stat_of_task(task_fd, id, &stat);

    if (r < 0)
        return r;
    thread_fill(&stat, host, ret_thread);
    return 0;
}

int thread_read(const struct pidref *process, const struct host *host, pid_t id, bool full,
                struct thread_info *ret_thread, struct error *error)
{
    _cleanup_close_ int thread_fd = -1;
    struct thread_info thread;
    struct proc_stat stat;
    int r = task_open(process, id, &thread_fd, error);

    if (r < 0)
        return r;
    r = proc_stat_read(thread_fd, &stat);
    if (r == -ESRCH)
        return error_set(error, ENOENT, "Thread with an Id of %d is not part of process %d.", (int)id,
                         (int)process->pid);
    if (r < 0)
        return error_errno(error, -r, "Can't read thread %d of process %d", (int)id, (int)process->pid);
    thread_fill(&stat, host, &thread);
    if (full) {
        thread.is_32_bit = process_is_32_bit(process->dir_fd);
        thread_wait_read(thread_fd, (stat.flags & PROC_FLAG_KERNEL_THREAD) != 0, &thread);
        thread.start_address = thread_start_find(process, id);
    }
    *ret_thread = thread;
    return 0;
}

void thread_list_release(struct thread_list *list)
{
    free(list->items);
    *list = (struct thread_list){0};
}

int threads_read_ids(int task_fd, const struct id_list *ids, const struct host *host,
                     struct thread_list *ret_list)
{
    _cleanup_thread_list_ struct thread_list list = {0};
    int r = ids->count > 0 ? ARRAY_RESERVE(&list, ids->count, LIMIT_THREADS) : 0;

    for (size_t i = 0; r == 0 && i < ids->count; i++)
        if (thread_stat_read(task_fd, ids->items[i], host, &list.items[list.count]) == 0)
            list.count++;
    if (r < 0)
        return r;
    *ret_list = list;
    list = (struct thread_list){0};
    return 0;
}

/* Wait channels, system calls and start addresses of all threads. */
static int threads_complete(const struct pidref *process, int task_fd, struct thread_list *list)
{
    _cleanup_thread_starts_ struct thread_starts starts = {0};
    bool is_32_bit = process_is_32_bit(process->dir_fd), is_kernel_thread = false;
    struct proc_stat stat;
    int r = thread_starts_read(process, list, &starts);

    if (r < 0)
        return r;
    if (proc_stat_read(process->dir_fd, &stat) == 0)
        is_kernel_thread = (stat.flags & PROC_FLAG_KERNEL_THREAD) != 0;
    for (size_t i = 0; i < list->count; i++) {
        struct thread_info *thread = &list->items[i];
        _cleanup_close_ int thread_fd = -1;
        char name[16];

        (void)snprintf(name, sizeof name, "%d", (int)thread->id); /* fits */
        thread->is_32_bit = is_32_bit;
        thread->start_address = thread_starts_get(&starts, thread->id);
        thread_fd = openat(task_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (thread_fd >= 0)
            thread_wait_read(thread_fd, is_kernel_thread, thread);
    }
    return 0;
}

int threads_read(const struct pidref *process, const struct host *host, bool full,
                 struct thread_list *ret_list)
{
    _cleanup_close_ int task_fd = openat(process->dir_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_thread_list_ struct thread_list list = {0};
    _cleanup_id_list_ struct id_list ids = {0};
    int r;

    if (task_fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    r = id_list_read(task_fd, ".", &ids);
    if (r == 0)
        r = threads_read_ids(task_fd, &ids, host, &list);
    if (r == 0 && full)
        r = threads_complete(process, task_fd, &list);
    if (r < 0)
        return r;
    *ret_list = list;
    list = (struct thread_list){0};
    return 0;
}
