#include "ops/listed.h"

#include "capture/process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { COMM_CUT = 15 }; /* TASK_COMM_LEN without its NUL: names of this length may have been longer */

static int by_name(const void *left, const void *right)
{
    const struct listed *a = left, *b = right;
    int order = strcasecmp(a->name, b->name);
    return order ? order : (a->entry->pid > b->entry->pid) - (a->entry->pid < b->entry->pid);
}

/* The whole name of one whose name was cut; NULL: leave it as it is. Owned by the caller. */
static char *full_name(int directory_fd, const struct process_entry *entry)
{
    char name[256];

    process_full_name(directory_fd, entry->name, name, sizeof name);
    return strcmp(name, entry->name) == 0 ? NULL : strdup(name); /* without memory the short one will do */
}

/* Into its files only where the entry doesn't tell all: lists are asked for often. */
static struct listed look_at(const struct procfs *procfs, const struct process_entry *entry)
{
    _cleanup_close_ int fd = -1;
    struct listed item = {.entry = entry, .name = entry->name};
    bool is_cut = strlen(entry->name) == COMM_CUT, is_known;
    struct proc_stat stat;
    char path[16], *name;

    if (entry->kernel_thread)
        return item;
    is_known = runtime_recall(entry->pid, entry->start_ticks, entry->name, &item.runtime);
    if (is_known && !is_cut)
        return item;
    (void)snprintf(path, sizeof path, "%d", (int)entry->pid); /* fits */
    fd = openat(procfs->fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return item;
    name = is_cut ? full_name(fd, entry) : NULL;
    item.name = name ? name : entry->name;
    if (!is_known && proc_stat_read(fd, &stat) == 0)
        runtime_read(fd, &stat, &item.runtime);
    return item;
}

int listed_read(const struct operation_context *context, const struct listed_choice *choice,
                struct listed_processes *ret_listed, struct error *error)
{
    _cleanup_listed_ struct listed_processes listed = {0};
    int r = process_list_read(context->procfs, &listed.list);

    if (r < 0)
        return error_errno(error, -r, "The processes could not be read");
    listed.items = calloc(listed.list.count ? listed.list.count : 1, sizeof *listed.items);
    if (!listed.items)
        return error_errno(error, ENOMEM, "The processes could not be listed");
    for (size_t i = 0; i < listed.list.count; i++) {
        const struct process_entry *entry = &listed.list.items[i];

        if ((entry->kernel_thread && !choice->kernel) || (!choice->all_users && entry->user != geteuid()))
            continue;
        listed.items[listed.count++] = look_at(context->procfs, entry);
    }
    qsort(listed.items, listed.count, sizeof *listed.items, by_name);
    *ret_listed = listed;
    listed = (struct listed_processes){0};
    return 0;
}

void listed_release(struct listed_processes *listed)
{
    for (size_t i = 0; i < listed->count; i++)
        if (listed->items[i].name != listed->items[i].entry->name)
            free((char *)listed->items[i].name);
    free(listed->items);
    process_list_release(&listed->list);
    *listed = (struct listed_processes){0};
}
