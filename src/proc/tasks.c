#include "proc/tasks.h"

#include "base/array.h"
#include "base/limits.h"
#include "proc/numbers.h"

#include <errno.h>
#include <fcntl.h>

void id_list_release(struct id_list *list)
{
    if (!list)
        return;
    free(list->items);
    *list = (struct id_list){0};
}

static int take_id(void *context, pid_t id)
{
    struct id_list *list = context;
    int r = ARRAY_RESERVE(list, 1, LIMIT_PROCESSES);

    if (r < 0)
        return r;
    list->items[list->count++] = id;
    return 0;
}

static int compare_ids(const void *left, const void *right)
{
    pid_t a = *(const pid_t *)left, b = *(const pid_t *)right;
    return (a > b) - (a < b);
}

/* Threads come in the order of their creation, which after a wrap of the numbers isn't ascending; and one may
 * come twice where the one that the kernel had stopped at ended between two reads. */
static void sort_and_make_unique(struct id_list *list)
{
    bool ascending = true;
    size_t kept = 0;

    for (size_t i = 1; i < list->count && ascending; i++)
        ascending = list->items[i - 1] < list->items[i];
    if (ascending)
        return;
    qsort(list->items, list->count, sizeof *list->items, compare_ids);
    for (size_t i = 0; i < list->count; i++)
        if (i == 0 || list->items[i] != list->items[kept - 1])
            list->items[kept++] = list->items[i];
    list->count = kept;
}

int id_list_read(int directory_fd, const char *name, struct id_list *ret_list)
{
    _cleanup_id_list_ struct id_list list = {0};
    int r = numbers_read(directory_fd, name, take_id, &list);

    if (r < 0)
        return r;
    sort_and_make_unique(&list);
    *ret_list = list;
    list = (struct id_list){0};
    return 0;
}

int task_open(const struct pidref *process, pid_t thread, int *ret_directory_fd, struct error *error)
{
    char name[32];
    int fd;

    (void)snprintf(name, sizeof name, "task/%d", (int)thread); /* any int fits */
    fd = thread > 0 ? openat(process->dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0 && thread > 0 && errno != ENOENT && errno != ESRCH)
        return error_errno(error, errno, "Cannot open thread %d of process %d", (int)thread,
                           (int)process->pid);
    if (fd < 0 && !pidref_alive(process))
        return error_set(error, ESRCH, "Process with an Id of %d is not running.", (int)process->pid);
    if (fd < 0)
        return error_set(error, ENOENT, "Thread with an Id of %d is not part of process %d.", (int)thread,
                         (int)process->pid);
    *ret_directory_fd = fd;
    return 0;
}
