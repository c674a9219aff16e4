#include "cmd/target.h"

#include "cmd/show.h"

#include "base/parse.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* The processes of that name among all, without ourselves. */
static int find_named(struct session *session, const char *name, json_t **ret_found, struct error *error)
{
    _cleanup_request_ struct request request = {.operation = "list"};
    _cleanup_json_ json_t *all = NULL, *found = NULL;
    json_t *process;
    size_t i;
    int r = fields_add(&request.arguments, "allUsers", "true");
    if (r >= 0)
        r = session_ask_json(session, &request, &all, error);
    if (r < 0)
        return error_ensure(error, r, "Could not list the processes");
    found = json_array();
    json_array_foreach(all, i, process)
    {
        const char *its_name = json_string_value(json_object_get(process, "name"));
        bool ours = !session->remote.url && json_integer_value(json_object_get(process, "id")) == getpid();
        if (its_name && strcmp(its_name, name) == 0 && !ours && json_array_append(found, process) < 0)
            return error_set(error, ENOMEM, "Out of memory.");
    }
    if (!found)
        return error_set(error, ENOMEM, "Out of memory.");
    *ret_found = TAKE_PTR(found);
    return 0;
}

int target_resolve(struct session *session, const char *text, int64_t *ret_id, struct error *error)
{
    _cleanup_json_ json_t *found = NULL;
    int64_t id = 0;
    if (strcmp(text, "self") == 0 || strcmp(text, "main") == 0) {
        *ret_id = strcmp(text, "self") == 0 ? REQUEST_ID_SELF : REQUEST_ID_MAIN;
        return 0;
    }
    int r = parse_i64(text, &id);
    if (r == 0 && id >= REQUEST_ID_MAIN && id <= INT_MAX) {
        *ret_id = id;
        return 0;
    }
    if (r == 0 || r == -ERANGE || *text == '\0')
        return error_set(error, EINVAL, "'%s' is no process id.", text);
    r = find_named(session, text, &found, error);
    if (r < 0)
        return r;
    size_t count = json_array_size(found);
    if (count == 0)
        return error_set(error, ESRCH, "No process is named '%s': see procscope ps --all.", text);
    if (count == 1) {
        *ret_id = json_integer_value(json_object_get(json_array_get(found, 0), "id"));
        return 0;
    }
    struct terminal terminal;
    r = terminal_look(STDERR_FILENO, invocation_option(session->invocation, OPTION_COLOR), &terminal);
    if (r >= 0)
        r = show_list(stderr, &terminal, SHOW_HEADER, found);
    if (r < 0)
        return error_ensure(error, r, "Could not list the processes");
    return error_set(error, EINVAL, "%zu processes are named '%s': give the id of one.", count, text);
}
