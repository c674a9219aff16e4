/* procscope heap */
#include "cmd/exit_code.h"
#include "cmd/heap_changes.h"
#include "cmd/interrupt.h"
#include "cmd/session.h"
#include "cmd/show.h"

enum { OPTION_OBJECTS = 'a', OPTION_COMPARE = 'c', OPTION_TYPES = OPTION_OWN };

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
        if (i == HEAP_TYPES_SHOWN && !all)
            break;
        table_cell(&table, member_number(type, "count", text));
        table_cell(&table, member_number(type, "bytes", text));
        table_cell(&table, member_text(type, "type"));
    }
    table_cell(&table, member_number(answer, "count", text));
    table_cell(&table, member_number(answer, "bytes", text));
    table_cell(&table, "total");
    r = table_print(&table, stdout, &session->out, session->header);
    if (!all && count > HEAP_TYPES_SHOWN)
        (void)printf("... and %zu more: --types shows them\n", count - HEAP_TYPES_SHOWN);
    return r;
}

/* The file first: one that can't be read is no reason to hold the program still. */
static int compare_with(struct session *session, const struct request *request, const char *path,
                        struct error *error)
{
    _cleanup_json_ json_t *before = NULL, *now = NULL;
    _cleanup_heap_comparison_ struct heap_comparison comparison = {0};
    struct error caution = {0};
    int r = heap_file_read(path, &before, error);

    if (r == 0)
        r = heap_comparison_before(&comparison, before, path, error);
    if (r == 0)
        r = session_ask_json(session, request, &now, error);
    if (r == 0)
        r = heap_comparison_now(&comparison, now, "The answer", error);
    if (r < 0)
        return r;
    heap_comparison_finish(&comparison);
    if (heap_comparison_caution(&comparison, &caution))
        (void)complain(&caution); /* and all the same what changed */
    r = session->json ? heap_changes_print(session, &comparison)
                      : heap_changes_show(session, &comparison,
                                          invocation_option(session->invocation, OPTION_TYPES) != NULL);
    return error_ensure(error, r, "Could not show what changed");
}

static int run(const struct invocation *invocation)
{
    _cleanup_session_ struct session session;
    _cleanup_request_ struct request request = {0};
    const char *path = invocation_option(invocation, OPTION_COMPARE);
    struct error error = {0};
    int exit = session_open(invocation, &session);
    if (exit == 0)
        exit = session_request(&session, "heap", &request);
    if (exit == 0 && invocation_option(invocation, OPTION_OBJECTS))
        exit = session_argument(&request, "live", "false");
    if (exit)
        return exit;
    interrupt_no_stop(); /* its runtime keeps for us what we don't read */
    if (!path)
        return session_answer(&session, &request, show);
    return compare_with(&session, &request, path, &error) < 0 ? complain(&error) : EXIT_GOOD;
}

static const struct command_option options[] = {
    {OPTION_OBJECTS, "all", NULL,
     "all objects, also those that can't be reached; without a collection before (Java)"},
    {OPTION_COMPARE, "compare", "FILE",
     "what changed since the count in FILE: what --json wrote, or the page saved"},
    {OPTION_TYPES, "types", NULL, "all types, not only those that take most"},
    {0},
};

static const struct command_example examples[] = {
    {"procscope heap 4711", "what fills the heap of .NET, Java or Node.js"},
    {"procscope heap 4711 --json | jq '.types[:3]'", "for a program"},
    {"procscope heap 4711 --json > before; sleep 600; procscope heap 4711 --compare before",
     "what grew in ten minutes"},
    {0},
};

const struct verb verb_heap = {
    .name = "heap",
    .arguments = "PID",
    .summary = "what fills the heap of .NET, Java or Node.js",
    .description = "Objects and bytes by type, those that take most first, as the runtime counts them. The\n"
                   "program stands still meanwhile. PID as in procscope show --help.",
    .options = options,
    .examples = examples,
    .least = 1,
    .most = 1,
    .run = run,
};
