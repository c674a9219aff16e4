/* Which processes have something open: a file, a socket, a port, a mapped library. */
#include "ops/table.h"

#include "base/io.h"
#include "proc/files.h"
#include "proc/list.h"
#include "proc/maps.h"
#include "proc/patient.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

struct search {
    const struct kudu_style *style;
    const char *text;
    bool is_port; /* text is ":8080" */
    struct json *json;
    size_t found, searched, denied;
    bool is_cut;
};

/* ":80" is the port 80, not the begin of 8080, nor a part of "[fe80::80]". */
static bool has_port(const char *where, const char *port)
{
    size_t size = strlen(port);
    bool is_in_address = false;

    if (strncmp(where, "tcp ", 4) != 0 && strncmp(where, "udp", 3) != 0)
        return false;
    for (const char *at = where; *at; at++) {
        is_in_address = *at == '[' || (is_in_address && *at != ']');
        if (!is_in_address && strncmp(at, port, size) == 0 && !isdigit((unsigned char)at[size]))
            return true;
    }
    return false;
}

static bool is_port(const char *text)
{
    if (text[0] != ':' || !text[1])
        return false;
    return text[1 + strspn(text + 1, "0123456789")] == '\0';
}

static bool matches(const struct search *search, const char *where)
{
    return search->is_port ? has_port(where, search->text) : strcasestr(where, search->text) != NULL;
}

/* fd -1: it is no descriptor. */
static void write_found(struct search *search, const struct process_entry *entry, const char *kind, int fd,
                        const char *what)
{
    if (search->found == LIMIT_FOUND) {
        search->is_cut = true;
        return;
    }
    search->found++;
    json_object_begin(search->json);
    json_key(search->json, "process");
    kudu_summary(search->json, search->style, entry->pid, entry->name, entry->user, NULL);
    json_member_string(search->json, "kind", kind);
    if (fd >= 0)
        json_member_i64(search->json, "handle", fd);
    json_member_string(search->json, "name", what);
    json_object_end(search->json);
}

/* What the process itself calls it, in its own mount namespace. */
static void search_link(struct search *search, const struct process_entry *entry,
                        const struct pidref *process, const char *link, const char *kind)
{
    _cleanup_free_ char *target = NULL;

    if (io_readlink_at(process->dir_fd, link, &target) == 0 && matches(search, target))
        write_found(search, entry, kind, -1, target);
}

static const char *kind_of(const char *text)
{
    static const char *const sockets[] = {"tcp", "udp", "unix", "raw", "netlink", "packet", "icmp", "socket"};

    if (text[0] == '/')
        return "file";
    for (size_t i = 0; i < ELEMENTS_OF(sockets); i++)
        if (strncmp(text, sockets[i], strlen(sockets[i])) == 0)
            return "socket";
    return "other";
}

static int search_files(struct search *search, const struct process_entry *entry,
                        const struct pidref *process)
{
    _cleanup_open_file_list_ struct open_file_list files = {0};
    int r = open_files_read(process, false, &files);

    for (size_t i = 0; i < files.count && r == 0; i++)
        if (matches(search, files.items[i].text))
            write_found(search, entry, kind_of(files.items[i].text), files.items[i].fd, files.items[i].text);
    return r;
}

/* A file that is mapped is in use, whether or not its descriptor was closed: once for each. */
static void search_maps(struct search *search, const struct process_entry *entry,
                        const struct pidref *process)
{
    _cleanup_map_list_ struct map_list maps = {0};
    const char *last = "";

    if (search->is_port || proc_memory_is_locked(process->dir_fd) ||
        maps_read(process->dir_fd, &maps, NULL) < 0)
        return;
    for (size_t i = 0; i < maps.count; i++) {
        const struct map *map = &maps.items[i];

        if (map->path[0] != '/' || strcmp(map->path, last) == 0)
            continue;
        last = map->path;
        if (matches(search, map->path))
            write_found(search, entry, "mapping", -1, map->path);
    }
}

static void search_process(struct search *search, const struct operation_context *context,
                           const struct request *request, const struct process_entry *entry)
{
    _cleanup_pidref_ struct pidref process = PIDREF_INIT;
    int r;

    if (entry->kernel_thread || entry->state == 'Z' ||
        pidref_open(context->procfs, entry->pid, &process, NULL) < 0)
        return; /* one that ended since has nothing open */
    if (context->may && !context->may(context, request, &process)) {
        search->denied++;
        return;
    }
    r = search_files(search, entry, &process);
    search->searched += r == 0;
    search->denied += r == -EACCES || r == -EPERM;
    if (r < 0)
        return;
    if (!search->is_port) {
        search_link(search, entry, &process, "cwd", "directory");
        search_link(search, entry, &process, "root", "root");
        search_link(search, entry, &process, "exe", "program");
    }
    search_maps(search, entry, &process);
}

int operation_handles(const struct operation_context *context, const struct request *request,
                      struct answer *answer, struct error *error)
{
    _cleanup_process_list_ struct process_list list = {0};
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER);
    struct json json = JSON_INIT(&text);
    const char *name = request_string(request, "name");
    struct host host;
    struct kudu_style style;
    int r = operation_style(context, request, &host, &style, error);

    if (r == 0 && (!name || !*name))
        r = error_set(error, EINVAL,
                      "The argument 'name' is missing: a part of a path or of a socket's text, "
                      "or a port as ':8080'.");
    if (r < 0)
        return r;
    r = process_list_read(context->procfs, &list);
    if (r < 0)
        return error_errno(error, -r, "The processes could not be read");

    struct search search = {.style = &style, .text = name, .is_port = is_port(name), .json = &json};
    json_object_begin(&json);
    json_key(&json, "handles");
    json_array_begin(&json);
    for (size_t i = 0; i < list.count && !search.is_cut; i++)
        search_process(&search, context, request, &list.items[i]);
    json_array_end(&json);
    json_member_u64(&json, "searched", search.searched);
    json_member_u64(&json, "denied", search.denied); /* processes that may not be looked into */
    json_member_bool(&json, "cut", search.is_cut);
    json_object_end(&json);
    return operation_answer_json(answer, &json, error);
}
