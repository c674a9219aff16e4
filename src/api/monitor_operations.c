#include "api/monitor_operations.h"

#include "base/clock.h"
#include "base/parse.h"
#include "view/monitor.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

int monitor_operations_init(struct monitor_operations *operations)
{
    operations->items = calloc(MONITOR_OPERATIONS_MAX, sizeof *operations->items);
    if (!operations->items)
        return -ENOMEM;
    if (getrandom(operations->seed, sizeof operations->seed, 0) != sizeof operations->seed)
        return -errno;
    return 0;
}

void monitor_operations_release(struct monitor_operations *operations)
{
    free(operations->items);
    operations->items = NULL;
}

/* Of the seed and its number, of version 4. It is no secret: whoever may ask for one may list them all. */
static void make_id(struct monitor_operations *operations, char id[GUID_TEXT_SIZE])
{
    uint8_t guid[GUID_SIZE];

    memcpy(guid, operations->seed, sizeof guid);
    for (unsigned i = 0; i < sizeof operations->count && i < 6; i++)
        guid[i] ^= (uint8_t)(operations->count >> 8 * i);
    guid[6] = (uint8_t)(4 << 4 | (guid[6] & 0x0f));
    guid[8] = (uint8_t)(2 << 6 | (guid[8] & 0x3f));
    guid_text(guid, id);
}

static void on_head(struct answer_watcher *watcher, const struct answer_message *message)
{
    struct monitor_operation *operation = (struct monitor_operation *)watcher;
    const char *pid = fields_get(&message->fields, "pid"), *uid = fields_get(&message->fields, "uid");
    const char *name = fields_get(&message->fields, "name"), *text = fields_get(&message->fields, "message");
    struct request_told *process = &operation->process;
    int64_t number;

    if (message->code == 0 && operation->location[0])
        http_header(operation->exchange, "Location", operation->location);
    if (message->code != 0 && text)
        (void)snprintf(operation->error, sizeof operation->error, "%s", text); /* cut is well */
    if (!pid || !uid || !name || parse_i64(pid, &number) < 0)
        return;
    process->pid = (pid_t)number;
    (void)snprintf(process->uid, sizeof process->uid, "%s", uid); /* fit: they come out of such fields */
    (void)snprintf(process->name, sizeof process->name, "%s", name);
}

static void on_end(struct answer_watcher *watcher, enum answer_end end)
{
    struct monitor_operation *operation = (struct monitor_operation *)watcher;

    operation->exchange = NULL;
    if (operation->state != MONITOR_RUNNING)
        return;
    operation->state = end == ANSWER_WHOLE  ? MONITOR_SUCCEEDED
                       : end == ANSWER_LEFT ? MONITOR_CANCELLED
                                            : MONITOR_FAILED;
    if (end == ANSWER_CUT)
        (void)snprintf(operation->error, sizeof operation->error, "It stopped short."); /* fits */
}

/* A free place, or that of the oldest that has ended. */
static struct monitor_operation *find_place(const struct monitor_operations *operations)
{
    struct monitor_operation *oldest = NULL;

    for (size_t i = 0; i < MONITOR_OPERATIONS_MAX; i++) {
        struct monitor_operation *item = &operations->items[i];

        if (item->state == MONITOR_NONE)
            return item;
        if (item->state != MONITOR_RUNNING && (!oldest || item->created < oldest->created))
            oldest = item;
    }
    return oldest;
}

struct monitor_operation *monitor_operations_begin(struct monitor_operations *operations,
                                                   struct http_exchange *exchange, const char *tags)
{
    struct monitor_operation *operation = find_place(operations);

    if (!operation)
        return NULL;
    *operation = (struct monitor_operation){.watcher = {.head = on_head, .end = on_end},
                                            .state = MONITOR_RUNNING,
                                            .created = clock_realtime_ns(),
                                            .exchange = exchange};
    operations->count++;
    make_id(operations, operation->id);
    (void)snprintf(operation->tags, sizeof operation->tags, "%s", tags ? tags : ""); /* was measured */
    return operation;
}

void monitor_operations_forget(struct monitor_operation *operation)
{
    if (operation)
        operation->state = MONITOR_NONE;
}

struct monitor_operation *monitor_operations_find(const struct monitor_operations *operations, const char *id)
{
    for (size_t i = 0; i < MONITOR_OPERATIONS_MAX; i++) {
        struct monitor_operation *item = &operations->items[i];

        if (item->state != MONITOR_NONE && strcasecmp(item->id, id) == 0)
            return item;
    }
    return NULL;
}

int monitor_operations_cancel(struct monitor_operation *operation)
{
    if (operation->state != MONITOR_RUNNING || !operation->exchange)
        return -EINVAL;
    operation->state = MONITOR_CANCELLED;
    http_exchange_cancel(operation->exchange, 409, "The operation was cancelled by DELETE /operations.");
    return 0;
}

/* The next of a list with commas between, without blanks around it; false at the end. */
static bool next_tag(const char **list, const char **ret_tag, size_t *ret_size)
{
    *list += strspn(*list, ", ");
    if (!**list)
        return false;
    *ret_tag = *list;
    *ret_size = strcspn(*list, ",");
    *list += *ret_size;
    while (*ret_size > 0 && (*ret_tag)[*ret_size - 1] == ' ')
        --*ret_size;
    return true;
}

static bool has_tag(const char *list, const char *tag, size_t size)
{
    const char *own;
    size_t own_size;

    while (next_tag(&list, &own, &own_size))
        if (own_size == size && strncasecmp(own, tag, size) == 0)
            return true;
    return false;
}

static bool is_wanted(const struct monitor_operation *operation, const struct monitor_filter *filter)
{
    const struct request_told *process = &operation->process;
    const char *tags = filter->tags ? filter->tags : "", *tag;
    size_t size;

    if ((filter->pid != 0 && filter->pid != process->pid) ||
        (filter->uid && strcasecmp(filter->uid, process->uid) != 0) ||
        (filter->name && strcasecmp(filter->name, process->name) != 0))
        return false;
    while (next_tag(&tags, &tag, &size))
        if (!has_tag(operation->tags, tag, size))
            return false;
    return true;
}

static void member_tags(struct json *json, const char *tags)
{
    const char *all = tags, *tag;
    size_t size;

    json_key(json, "tags");
    json_array_begin(json);
    while (next_tag(&tags, &tag, &size)) {
        const char *before = all, *other;
        size_t other_size;
        bool is_first = true;

        /* a set: each once */
        while (is_first && next_tag(&before, &other, &other_size) && other < tag)
            is_first = other_size != size || strncasecmp(other, tag, size) != 0;
        if (is_first)
            json_bytes(json, tag, size);
    }
    json_array_end(json);
}

static void member_process(struct json *json, const struct request_told *process)
{
    json_key(json, "process");
    if (process->pid == 0 && !process->uid[0] && !process->name[0]) {
        json_nothing(json);
        return;
    }
    json_object_begin(json);
    json_member_i64(json, "pid", process->pid);
    json_member_string(json, "uid", process->uid[0] ? process->uid : "00000000-0000-0000-0000-000000000000");
    json_member_string(json, "name", process->name[0] ? process->name : NULL);
    json_object_end(json);
}

static void members(const struct monitor_operation *operation, struct json *json)
{
    static const char *const words[] = {[MONITOR_RUNNING] = "Running",
                                        [MONITOR_SUCCEEDED] = "Succeeded",
                                        [MONITOR_FAILED] = "Failed",
                                        [MONITOR_CANCELLED] = "Cancelled"};
    char date[KUDU_TIME_SIZE];

    kudu_date(operation->created, date);
    json_member_string(json, "operationId", operation->id);
    json_member_string(json, "createdDateTime", date);
    json_member_string(json, "status", words[operation->state]);
    json_key(json, "egressProviderName");
    json_nothing(json);
    json_member_bool(json, "isStoppable", false);
    member_process(json, &operation->process);
    member_tags(json, operation->tags);
}

void monitor_operations_write_all(const struct monitor_operations *operations,
                                  const struct monitor_filter *filter, struct json *json)
{
    json_array_begin(json);
    for (size_t i = 0; i < MONITOR_OPERATIONS_MAX; i++) {
        const struct monitor_operation *item = &operations->items[i];

        if (item->state == MONITOR_NONE || !is_wanted(item, filter))
            continue;
        json_object_begin(json);
        members(item, json);
        json_object_end(json);
    }
    json_array_end(json);
}

void monitor_operations_write(const struct monitor_operation *operation, struct json *json)
{
    json_object_begin(json);
    members(operation, json);
    json_key(json, "resourceLocation");
    json_nothing(json);
    json_key(json, "error");
    if (operation->error[0]) {
        json_object_begin(json);
        json_member_string(json, "code", "Failed");
        json_member_string(json, "message", operation->error);
        json_object_end(json);
    } else {
        json_nothing(json);
    }
    json_object_end(json);
}
