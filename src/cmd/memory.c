/* procscope memory */
#include "cmd/exit_code.h"
#include "cmd/session.h"
#include "cmd/show.h"

enum { OPTION_ITEMS = 'a', SHOWN = 20 };

static void cells(struct table *table, const json_t *sum)
{
    static const char *const members[] = {"mappings", "size", "rss", "pss", "private_dirty", "swap"};
    char text[FORMAT_SIZE];

    table_cell(table, member_number(sum, members[0], text));
    for (size_t i = 1; i < ELEMENTS_OF(members); i++)
        table_cell(table, member_bytes(sum, members[i], text));
}

static int show_kinds(struct session *session, const json_t *answer)
{
    static const struct column columns[] = {{"KIND", 0, STYLE_KEY},
                                            {"MAPPINGS", COLUMN_RIGHT, STYLE_PLAIN},
                                            {"SIZE", COLUMN_RIGHT, STYLE_PLAIN},
                                            {"RSS", COLUMN_RIGHT, STYLE_PLAIN},
                                            {"PSS", COLUMN_RIGHT, STYLE_PLAIN},
                                            {"DIRTY", COLUMN_RIGHT, STYLE_PLAIN},
                                            {"SWAP", COLUMN_RIGHT, STYLE_PLAIN}};
    _cleanup_table_ struct table table = TABLE_INIT(columns);
    const json_t *kind;
    size_t i;
    json_array_foreach(json_object_get(answer, "kinds"), i, kind)
    {
        table_cell(&table, member_text(kind, "kind"));
        cells(&table, kind);
    }
    table_cell(&table, "total");
    cells(&table, json_object_get(answer, "total"));
    return table_print(&table, stdout, &session->out, session->header);
}

static int show_items(struct session *session, const json_t *items, size_t count)
{
    static const struct column columns[] = {{"PSS", COLUMN_RIGHT, STYLE_PLAIN},
                                            {"RSS", COLUMN_RIGHT, STYLE_PLAIN},
                                            {"DIRTY", COLUMN_RIGHT, STYLE_PLAIN},
                                            {"SWAP", COLUMN_RIGHT, STYLE_PLAIN},
                                            {"KIND", 0, STYLE_KEY},
                                            {"NAME", COLUMN_CUT, STYLE_NAME}};
    _cleanup_table_ struct table table = TABLE_INIT(columns);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(items, i);
        char text[FORMAT_SIZE];
        table_cell(&table, member_bytes(item, "pss", text));
        table_cell(&table, member_bytes(item, "rss", text));
        table_cell(&table, member_bytes(item, "private_dirty", text));
        table_cell(&table, member_bytes(item, "swap", text));
        table_cell(&table, member_text(item, "kind"));
        if (json_is_true(json_object_get(item, "deleted")))
            table_cell_format(&table, "%s (deleted)", member_text(item, "name"));
        else
            table_cell(&table, member_text(item, "name"));
    }
    return table_print(&table, stdout, &session->out, session->header);
}

static int show(struct session *session, const json_t *answer)
{
    const json_t *items = json_object_get(answer, "items");
    size_t count = json_array_size(items);
    bool all = invocation_option(session->invocation, OPTION_ITEMS);
    int r = show_kinds(session, answer);
    if (r < 0)
        return r;
    (void)putchar('\n'); /* what could not be written stays in ferror */
    r = show_items(session, items, all || count < SHOWN ? count : SHOWN);
    if (!all && count > SHOWN)
        (void)printf("... and %zu more: --all shows them\n", count - SHOWN);
    return r;
}

static int run(const struct invocation *invocation)
{
    _cleanup_session_ struct session session;
    _cleanup_request_ struct request request = {0};
    int exit = session_open(invocation, &session);
    if (exit == 0)
        exit = session_request(&session, "memory", &request);
    return exit ? exit : session_answer(&session, &request, show);
}

static const struct command_option options[] = {
    {OPTION_ITEMS, "all", NULL, "all files and areas, not only those that take most"},
    {0},
};

static const struct command_example examples[] = {
    {"procscope memory 4711", "what its memory is for: heap, stacks, libraries, shared memory"},
    {"procscope memory java --all | grep deleted",
     "libraries that were replaced on disk and are still in use"},
    {"procscope memory 4711 --json | jq .total.pss", "its fair share of the machine's memory, in bytes"},
    {0},
};

const struct verb verb_memory = {
    .name = "memory",
    .arguments = "PID",
    .summary = "what takes the memory of a process",
    .description =
        "Sums the mappings of a process by kind and by file. RSS is what is in memory now; of it, PSS is\n"
        "this process's share of pages that several have, and DIRTY what no other process has and can't\n"
        "be read from a file again. PID as in procscope show --help.",
    .options = options,
    .examples = examples,
    .least = 1,
    .most = 1,
    .run = run,
};
