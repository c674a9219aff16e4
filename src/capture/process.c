#include "capture/process.h"

#include "base/io.h"
#include "base/limits.h"
#include "capture/process_name.h"
#include "capture/thread_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void process_info_release(struct process_info *info)
{
    free(info->file_name);
    buffer_release(&info->command_line);
    buffer_release(&info->environ);
    thread_list_release(&info->threads);
    module_list_release(&info->modules);
    open_file_list_release(&info->files);
    id_list_release(&info->children);
    *info = (struct process_info){0};
}

static bool is_denied(int r)
{
    return r == -EACCES || r == -EPERM;
}

/* Only a lack of memory of ours ends the reading; what the target loses or hides stays unknown. */
static int tolerate(int r)
{
    return r == -ENOMEM ? r : 0;
}

static int read_status(const struct pidref *process, struct process_info *info)
{
    char text[64];
    int r = proc_status_read(process->dir_fd, &info->status);

    if (r == 0 || r == -ENOMEM)
        return r;
    /* gone since: all that stat did not say is unknown */
    (void)snprintf(text, sizeof text, "Tgid:\t%d\nState:\tX\n", (int)info->stat.pid); /* fits */
    return proc_status_parse(text, strlen(text), &info->status);
}

static int read_command_line(const struct pidref *process, struct process_info *info)
{
    _cleanup_buffer_ struct buffer block = {0};
    int r = proc_cmdline_read(process->dir_fd, &block);

    if (r == -ENOMEM)
        return r;
    info->is_hung = r == -ETIMEDOUT;
    process_name_complete(&block, info->stat.name, info->name, sizeof info->name);
    return tolerate(cmdline_join(&block, &info->command_line));
}

/* The kernel puts " (deleted)" behind the path of a program whose file is gone; a file may also be called so.
 */
static void strip_deleted(int directory_fd, char *path)
{
    static const char mark[] = " (deleted)";
    size_t length = strlen(path), mark_length = sizeof mark - 1;
    struct stat running, named;
    char below_root[PATH_MAX + 8];

    if (length <= mark_length || strcmp(path + length - mark_length, mark) != 0)
        return;
    if (snprintf(below_root, sizeof below_root, "root%s", path) < (int)sizeof below_root &&
        fstatat(directory_fd, "exe", &running, 0) == 0 && fstatat(directory_fd, below_root, &named, 0) == 0 &&
        running.st_dev == named.st_dev && running.st_ino == named.st_ino)
        return;
    path[length - mark_length] = '\0';
}

static int read_file_name(const struct pidref *process, struct process_info *info)
{
    int r = info->kernel_thread ? 0 : io_readlink_at(process->dir_fd, "exe", &info->file_name);

    if (r == 0 && info->file_name)
        strip_deleted(process->dir_fd, info->file_name);
    return tolerate(r);
}

static int read_environ(const struct pidref *process, struct process_info *info)
{
    int r = proc_environ_read(process->dir_fd, &info->environ);

    info->environ_denied = is_denied(r);
    return tolerate(r);
}

static int read_modules(const struct pidref *process, struct process_info *info)
{
    _cleanup_map_list_ struct map_list maps = {0};
    int r = info->kernel_thread || info->is_hung ? 0 : maps_read(process->dir_fd, &maps, NULL);

    if (r == 0)
        r = modules_read(process, &maps, true, &info->modules);
    info->modules_denied = is_denied(r);
    return tolerate(r);
}

static int read_files(const struct pidref *process, struct process_info *info)
{
    int r = open_files_read(process, false, &info->files);

    info->files_denied = is_denied(r);
    info->handle_count = r < 0 ? -1 : (int64_t)info->files.count;
    return tolerate(r);
}

/* Threads and children hang on the same directory and the same ids. */
static int read_tasks(const struct procfs *procfs, const struct pidref *process, const struct host *host,
                      struct process_info *info)
{
    _cleanup_close_ int task_fd = openat(process->dir_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_id_list_ struct id_list ids = {0};
    int r = task_fd < 0 ? -errno : id_list_read(task_fd, ".", &ids);

    if (r == 0)
        r = threads_read_ids(task_fd, &ids, host, &info->threads);
    if (r == 0)
        r = children_read(procfs, process->pid, task_fd, &ids, &info->children);
    return tolerate(r);
}

static int read_parts(const struct procfs *procfs, const struct pidref *process, const struct host *host,
                      struct process_info *info)
{
    int r = read_status(process, info);

    if (r == 0)
        r = read_command_line(process, info);
    if (r == 0)
        r = read_file_name(process, info);
    if (r == 0)
        r = read_environ(process, info);
    if (r == 0)
        r = read_tasks(procfs, process, host, info);
    if (r == 0)
        r = read_modules(process, info);
    if (!info->kernel_thread)
        runtime_read(process->dir_fd, &info->stat, &info->runtime);
    return r == 0 ? read_files(process, info) : r;
}

int process_info_read(const struct procfs *procfs, const struct pidref *process, const struct host *host,
                      struct process_info *ret_info, struct error *error)
{
    _cleanup_process_info_ struct process_info info = {0};
    int r = proc_stat_read(process->dir_fd, &info.stat);

    if (r == -ESRCH)
        return error_set(error, ESRCH, "Process with an Id of %d is not running.", (int)process->pid);
    if (r < 0)
        return error_errno(error, -r, "Can't read process %d", (int)process->pid);
    info.kernel_thread = (info.stat.flags & PROC_FLAG_KERNEL_THREAD) != 0;
    info.start_time = host_time_of_ticks(host, info.stat.start_ticks);
    info.user_time = ticks_to_ns(host, info.stat.user_ticks);
    info.system_time = ticks_to_ns(host, info.stat.system_ticks);
    info.command_line = BUFFER_INIT(LIMIT_PROC_TEXT);
    r = read_parts(procfs, process, host, &info);
    if (r < 0)
        return error_errno(error, -r, "Can't read process %d", (int)process->pid);
    *ret_info = info;
    info = (struct process_info){0};
    return 0;
}
