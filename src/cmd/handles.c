/* procscope handles */
#include "cmd/exit_code.h"
#include "cmd/session.h"
#include "cmd/show.h"

#include <string.h>

/* Beside the answer, which is good as far as it goes. */
static void note(const char *sentence)
{
    (void)fprintf(stderr, "procscope: %s\n", sentence); /* nobody is there who could be told */
}

static int show(struct session *session, const json_t *answer)
{
    static const struct column columns[] = {{"PID", COLUMN_RIGHT, STYLE_KEY},
                                            {"PROCESS", COLUMN_CUT, STYLE_NAME},
                                            {"KIND", 0, STYLE_PLAIN},
                                            {"FD", COLUMN_RIGHT, STYLE_PLAIN},
                                            {"NAME", COLUMN_CUT, STYLE_PLAIN}};
    _cleanup_table_ struct table table = TABLE_INIT(columns);
    const json_t *handle;
    long long denied = json_integer_value(json_object_get(answer, "denied"));
    size_t i;
    int r;
    json_array_foreach(json_object_get(answer, "handles"), i, handle)
    {
        const json_t *process = json_object_get(handle, "process");
        char text[FORMAT_SIZE];
        table_cell(&table, member_number(process, "id", text));
        table_cell(&table, member_text(process, "name"));
        table_cell(&table, member_text(handle, "kind"));
        table_cell(&table, member_number(handle, "handle", text));
        table_cell(&table, member_text(handle, "name"));
    }
    r = table_print(&table, stdout, &session->out, session->header);
    if (r == 0 && json_is_true(json_object_get(answer, "cut")))
        note("There are more than these: name more of it.");
    if (r == 0 && denied > 0) {
        char sentence[128];
        (void)snprintf(sentence, sizeof sentence,
                       "%lld of the processes may not be looked into; procscope doctor PID says why.",
                       denied); /* fits */
        note(sentence);
    }
    return r;
}

static int run(const struct invocation *invocation)
{
    _cleanup_session_ struct session session;
    _cleanup_request_ struct request request = {.operation = "handles"};
    int exit = session_open(invocation, &session);
    if (exit == 0)
        exit = session_argument(&request, "name", invocation_argument(invocation, 0));
    return exit ? exit : session_answer(&session, &request, show);
}

static const struct command_example examples[] = {
    {"procscope handles :8080", "which process has that port"},
    {"procscope handles /var/log/app.log", "who writes there"},
    {"procscope handles libssl", "which processes run with which libssl, the removed ones, too"},
    {"procscope handles deleted", "files that were removed and still take room on the disk"},
    {0},
};

const struct verb verb_handles = {
    .name = "handles",
    .arguments = "NAME",
    .summary = "who has a file, a library, a socket or a port open",
    .description =
        "Searches the open files and sockets, the mapped files, the program and the directories of all\n"
        "processes for NAME, a part of their names in any case. :8080 is the port 8080 of TCP or UDP, on\n"
        "either side of a connection.",
    .examples = examples,
    .least = 1,
    .most = 1,
    .run = run,
};
