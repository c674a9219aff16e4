/* Every process there is, as Kudu's summaries. Asked for often: one stat a process, and a second look only at
 * names that the kernel cut, and at runtimes that aren't known yet. */
#include "ops/table.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>

enum { COMM_CUT = 15 }; /* TASK_COMM_LEN without its NUL: names of this length may have been longer */

struct item {
    const struct process_entry *entry;
    const char *name; /* entry's own, or owned by the item */
    struct runtime runtime;
};

static int by_name(const void *left, const void *right)
{
    const struct item *a = left, *b = right;
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
static struct item look_at(const struct procfs *procfs, const struct process_entry *entry)
{
    _cleanup_close_ int fd = -1;
    struct item item = {.entry = entry, .name = entry->name};
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

struct choice {
    bool all_users, kernel;
};

static int read_choice(const struct request *request, struct choice *ret_choice, struct error *error)
{
    /* root sees all, as the service that runs as root is there for all */
    int r = request_bool(request, "allUsers", geteuid() == 0, &ret_choice->all_users, error);
    if (r == 0)
        r = request_bool(request, "kernel", false, &ret_choice->kernel, error);
    return r;
}

static int write_items(const struct item *items, size_t count, const struct kudu_style *style,
                       struct answer *answer, struct error *error)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER);
    struct json json = JSON_INIT(&text);
    struct kudu_style element;

    element = kudu_array_begin(&json, style);
    for (size_t i = 0; i < count; i++)
        kudu_summary(&json, &element, items[i].entry->pid, items[i].name, items[i].entry->user,
                     &items[i].runtime);
    kudu_array_end(&json, style);
    return operation_answer_json(answer, &json, error);
}

int operation_list(const struct operation_context *context, const struct request *request,
                   struct answer *answer, struct error *error)
{
    _cleanup_process_list_ struct process_list list = {0};
    struct choice choice = {0};
    struct host host;
    struct kudu_style style;
    struct item *items;
    size_t count = 0;
    int r = read_choice(request, &choice, error);

    if (r == 0)
        r = operation_answer_style(context, request, &host, &style, error);
    if (r < 0)
        return r;
    r = process_list_read(context->procfs, &list);
    if (r < 0)
        return error_errno(error, -r, "The processes could not be read");
    items = calloc(list.count ? list.count : 1, sizeof *items);
    if (!items)
        return error_errno(error, ENOMEM, "The processes could not be listed");
    for (size_t i = 0; i < list.count; i++) {
        const struct process_entry *entry = &list.items[i];

        if ((entry->kernel_thread && !choice.kernel) || (!choice.all_users && entry->user != geteuid()))
            continue;
        items[count++] = look_at(context->procfs, entry);
    }
    qsort(items, count, sizeof *items, by_name);
    r = write_items(items, count, &style, answer, error);
    for (size_t i = 0; i < count; i++)
        if (items[i].name != items[i].entry->name)
            free((char *)items[i].name);
    free(items);
    return r;
}
