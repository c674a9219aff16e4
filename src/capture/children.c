/* The children of a process. The kernel lists them by the thread that made them, in task/TID/children, where
 * it was built with CONFIG_PROC_CHILDREN (nearly all are); else every process is asked for its parent. */
#include "base/io.h"
#include "base/parse.h"
#include "capture/thread_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static int add(struct id_list *list, pid_t pid)
{
    int r = ARRAY_RESERVE(list, 1, LIMIT_PROCESSES);

    if (r == 0)
        list->items[list->count++] = pid;
    return r;
}

/* "12 345 " */
static int parse_children(const struct buffer *text, struct id_list *list)
{
    const char *at = buffer_string(text), *end = at + text->size;
    uint64_t pid;
    int r = 0;

    while (r == 0 && scan_u64(&at, end, &pid) && pid > 0 && pid <= INT32_MAX) {
        r = add(list, (pid_t)pid);
        scan_blanks(&at, end);
    }
    return r;
}

/* -ENOENT: this kernel has no such files. */
static int children_of_tasks(int task_fd, const struct id_list *threads, struct id_list *list)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_PROC_TEXT);
    bool is_known = false;

    for (size_t i = 0; i < threads->count; i++) {
        char name[32];
        int r;

        (void)snprintf(name, sizeof name, "%d/children", (int)threads->items[i]); /* fits */
        buffer_clear(&text);
        r = io_read_file_at(task_fd, name, &text);
        if (r == -ENOMEM)
            return r;
        if (r < 0)
            continue; /* that thread is gone, and its children belong to another by now */
        is_known = true;
        r = parse_children(&text, list);
        if (r < 0)
            return r;
    }
    return is_known || threads->count == 0 ? 0 : -ENOENT;
}

static int children_of_all(const struct procfs *procfs, pid_t pid, struct id_list *list)
{
    _cleanup_process_list_ struct process_list all = {0};
    int r = process_list_read(procfs, &all);

    for (size_t i = 0; r == 0 && i < all.count; i++)
        if (all.items[i].parent == pid)
            r = add(list, all.items[i].pid);
    return r;
}

static int by_id(const void *left, const void *right)
{
    const pid_t *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

/* A child can change its parent thread between two reads, and be seen twice. */
static void sort_unique(struct id_list *list)
{
    size_t kept = 0;

    if (list->count == 0)
        return;
    qsort(list->items, list->count, sizeof *list->items, by_id);
    for (size_t i = 0; i < list->count; i++)
        if (i == 0 || list->items[i] != list->items[kept - 1])
            list->items[kept++] = list->items[i];
    list->count = kept;
}

int children_read(const struct procfs *procfs, pid_t pid, int task_fd, const struct id_list *threads,
                  struct id_list *ret_children)
{
    _cleanup_id_list_ struct id_list list = {0};
    int r = children_of_tasks(task_fd, threads, &list);

    if (r == -ENOENT)
        r = children_of_all(procfs, pid, &list);
    if (r < 0)
        return r;
    sort_unique(&list);
    *ret_children = list;
    list = (struct id_list){0};
    return 0;
}
