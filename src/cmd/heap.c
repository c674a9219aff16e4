/* procscope heap */
#include "cmd/exit_code.h"
#include "cmd/session.h"
#include "cmd/show.h"

enum { OPTION_OBJECTS = 'a', OPTION_TYPES = OPTION_OWN, SHOWN = 30 };

static int show(struct session *session, const json_t *answer)
{
    static const struct column columns[] = {{"COUNT", COLUMN_RIGHT, STYLE_PLAIN},
                                            {"BYTES", COLUMN_RIGHT, STYLE_PLAIN},
                                            {"TYPE", COLUMN_CUT, STYLE_NAME}};
    _cleanup_table_ struct table table = TABLE_INIT(columns);
    const json_t *types = json_object_get(answer, "types"), *type;
    size_t count = json_array_size(types), i;
    bool all = invocation_option(session->invocation, OPTION_TYPES);
    char text[FORMAT_SIZE];
    int r;
    json_array_foreach(types, i, type)
    {
        if (i == SHOWN && !all)
            break;
        table_cell(&table, member_number(type, "count", text));
        table_cell(&table, member_number(type, "bytes", text));
        table_cell(&table, member_text(type, "type"));
    }
    table_cell(&table, member_number(answer, "count", text));
    table_cell(&table, member_number(answer, "bytes", text));
    table_cell(&table, "total");
    r = table_print(&table, stdout, &session->out, session->header);
    if (!all && count > SHOWN)
        (void)printf("... and %zu more: --types shows them\n", count - SHOWN);
    return r;
}

static int run(const struct invocation *invocation)
{
    _cleanup_session_ struct session session;
    _cleanup_request_ struct request request = {0};
    int exit = session_open(invocation, &session);
    if (exit == 0)
        exit = session_request(&session, "heap", &request);
    if (exit == 0 && invocation_option(invocation, OPTION_OBJECTS))
        exit = session_argument(&request, "live", "false");
    return exit ? exit : session_answer(&session, &request, show);
}

static const struct command_option options[] = {
    {OPTION_OBJECTS, "all", NULL,
     "all objects, also those that can't be reached; without a collection before (Java)"},
    {OPTION_TYPES, "types", NULL, "all types, not only those that take most"},
    {0},
};

static const struct command_example examples[] = {
    {"procscope heap 4711", "what fills the heap of a .NET process or a Java virtual machine"},
    {"procscope heap 4711 --json | jq '.types[:3]'", "for a program"},
    {0},
};

const struct verb verb_heap = {
    .name = "heap",
    .arguments = "PID",
    .summary = "what fills the heap of a .NET process or a Java virtual machine",
    .description = "Objects and bytes by type, those that take most first, as the runtime counts them. The\n"
                   "program stands still meanwhile. PID as in procscope show --help.",
    .options = options,
    .examples = examples,
    .least = 1,
    .most = 1,
    .run = run,
};
