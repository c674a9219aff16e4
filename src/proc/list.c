#include "proc/list.h"

#include "base/array.h"
#include "base/limits.h"
#include "proc/numbers.h"
#include "proc/read.h"
#include "proc/status.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

void process_list_release(struct process_list *list)
{
    if (!list)
        return;
    free(list->items);
    *list = (struct process_list){0};
}

struct walk {
    const struct procfs *procfs;
    struct process_list list;
    bool ascending;
};

/* The directory's owner is the effective user, for a process that can't be dumped as well: the kernel's
 * task_dump_owner() makes an exception for just this directory's mode. In a recorded tree the owner is
 * whoever unpacked it: there status tells. */
static int read_user(const struct procfs *procfs, const char *name, uid_t *ret_user)
{
    struct stat facts;

    if (!procfs->live) {
        _cleanup_close_ int directory = openat(procfs->fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct proc_status status;
        if (directory >= 0 && proc_status_read(directory, &status) == 0) {
            *ret_user = status.uid[1];
            return 0;
        }
    }
    if (fstatat(procfs->fd, name, &facts, 0) < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    *ret_user = facts.st_uid;
    return 0;
}

static int read_entry(const struct procfs *procfs, pid_t pid, struct process_entry *ret_entry)
{
    char name[32], text[2048];
    struct proc_stat stat;
    size_t size;
    int length = snprintf(name, sizeof name, "%d/stat", (int)pid);
    int r = proc_read_small(procfs->fd, name, text, sizeof text, &size);

    if (r == 0)
        r = proc_stat_parse(text, size, &stat);
    if (r < 0)
        return r;
    name[length - 5] = '\0'; /* without "/stat" */
    r = read_user(procfs, name, &ret_entry->user);
    if (r < 0)
        return r;
    ret_entry->pid = pid;
    ret_entry->parent = stat.parent;
    ret_entry->start_ticks = stat.start_ticks;
    ret_entry->state = stat.state;
    ret_entry->kernel_thread = (stat.flags & PROC_FLAG_KERNEL_THREAD) != 0;
    memcpy(ret_entry->name, stat.name, sizeof ret_entry->name);
    return 0;
}

static int take_process(void *context, pid_t pid)
{
    struct walk *walk = context;
    struct process_list *list = &walk->list;
    int r = ARRAY_RESERVE(list, 1, LIMIT_PROCESSES);

    if (r < 0)
        return r;
    r = read_entry(walk->procfs, pid, &list->items[list->count]);
    /* gone since, hidden from us (hidepid), or nonsense in a recorded tree: not part of the list */
    if (r == -ESRCH || r == -EPERM || r == -EACCES || r == -EBADMSG)
        return 0;
    if (r < 0)
        return r;
    if (list->count > 0 && list->items[list->count - 1].pid >= pid)
        walk->ascending = false;
    list->count++;
    return 0;
}

static int compare_entries(const void *left, const void *right)
{
    pid_t a = ((const struct process_entry *)left)->pid, b = ((const struct process_entry *)right)->pid;
    return (a > b) - (a < b);
}

int process_list_read(const struct procfs *procfs, struct process_list *ret_list)
{
    struct walk walk = {.procfs = procfs, .ascending = true};
    int r = numbers_read(procfs->fd, ".", take_process, &walk);

    if (r < 0) {
        process_list_release(&walk.list);
        return r;
    }
    if (!walk.ascending) /* a procfs lists in order; a recorded tree's directory doesn't */
        qsort(walk.list.items, walk.list.count, sizeof *walk.list.items, compare_entries);
    *ret_list = walk.list;
    return 0;
}
