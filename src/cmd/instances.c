/* procscope instances */
#include "cmd/exit_code.h"
#include "cmd/session.h"
#include "cmd/show.h"

static int show(struct session *session, const json_t *answer)
{
    static const struct column columns[] = {
        {"", 0, STYLE_PLAIN},        {"NAME", COLUMN_CUT, STYLE_NAME}, {"STATE", 0, STYLE_PLAIN},
        {"VERSION", 0, STYLE_PLAIN}, {"URL", COLUMN_CUT, STYLE_PLAIN}, {"ID", 0, STYLE_KEY}};
    _cleanup_table_ struct table table = TABLE_INIT(columns);
    const json_t *instance;
    size_t i;

    json_array_foreach(answer, i, instance)
    {
        table_cell(&table, json_is_true(json_object_get(instance, "is_self")) ? "*" : "");
        table_cell(&table, member_text(instance, "name"));
        table_cell(&table, member_text(instance, "state"));
        table_cell(&table, member_text(instance, "version"));
        table_cell(&table, member_text(instance, "url"));
        table_cell(&table, member_text(instance, "id"));
    }
    return table_print(&table, stdout, &session->out, session->header);
}

static int run(const struct invocation *invocation)
{
    _cleanup_session_ struct session session;
    _cleanup_request_ struct request request = {.operation = "instances"};
    int exit = session_open(invocation, &session);

    if (exit == 0 && !session.remote.url)
        exit = complain_usage("instances takes --url: a service knows them, and this is none.");
    return exit ? exit : session_answer(&session, &request, show);
}

static const struct command_example examples[] = {
    {"procscope --url http://web1:7420 instances", "who else can be asked through web1"},
    {"procscope --url http://web1:7420 --instance 3fc41d... ps", "what runs there"},
    {0},
};

const struct verb verb_instances = {
    .name = "instances",
    .arguments = "",
    .summary = "list the instances that a service knows",
    .description = "Lists the services that can be asked through the one at --url, which has a * in front.",
    .examples = examples,
    .run = run,
};
