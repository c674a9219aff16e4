/* procscope threads */
#include "cmd/exit_code.h"
#include "cmd/session.h"
#include "cmd/show.h"

#include "base/parse.h"

enum { OPTION_LONG = 'l' };

static const char *without_blanks(const char *from, char text[FORMAT_SIZE])
{
    char *to = text; /* from is text, and never behind to */
    for (; *from; from++)
        if (*from != ' ')
            *to++ = *from;
    *to = '\0';
    return text;
}

static int show_long(struct session *session, const json_t *answer)
{
    static const struct column columns[] = {
        {"TID", COLUMN_RIGHT, STYLE_KEY},       {"STATE", 0, STYLE_PLAIN},
        {"CPU", COLUMN_RIGHT, STYLE_PLAIN},     {"TIME", COLUMN_RIGHT, STYLE_PLAIN},
        {"PRI", COLUMN_RIGHT, STYLE_PLAIN},     {"CALL", COLUMN_CUT, STYLE_PLAIN},
        {"SLEEPS-IN", COLUMN_CUT, STYLE_PLAIN}, {"NAME", COLUMN_CUT, STYLE_NAME}};
    _cleanup_table_ struct table table = TABLE_INIT(columns);
    const json_t *thread;
    size_t i;
    json_array_foreach(answer, i, thread)
    {
        char text[FORMAT_SIZE];
        table_cell(&table, member_number(thread, "id", text));
        table_cell(&table, member_text(thread, "state"));
        table_cell(&table, member_number(thread, "cpu", text));
        /* without its blank, so that it stays one word */
        table_cell(&table, without_blanks(member_span(thread, "total_processor_time", text), text));
        table_cell(&table, member_number(thread, "current_priority", text));
        table_cell(&table, member_text(thread, "system_call"));
        table_cell(&table, member_text(thread, "wait_channel"));
        table_cell(&table, member_text(thread, "name"));
    }
    return table_print(&table, stdout, &session->out, session->header);
}

static int show_all(struct session *session, const json_t *answer)
{
    static const struct column columns[] = {
        {"TID", COLUMN_RIGHT, STYLE_KEY}, {"STATE", 0, STYLE_PLAIN}, {"NAME", COLUMN_CUT, STYLE_NAME}};
    _cleanup_table_ struct table table = TABLE_INIT(columns);
    const json_t *thread;
    size_t i;
    json_array_foreach(answer, i, thread)
    {
        char number[FORMAT_SIZE];
        table_cell(&table, member_number(thread, "id", number));
        table_cell(&table, member_text(thread, "state"));
        table_cell(&table, member_text(thread, "name"));
    }
    return table_print(&table, stdout, &session->out, session->header);
}

static int show_one(struct session *session, const json_t *thread)
{
    _cleanup_table_ struct table sheet = SHEET_INIT;
    char text[FORMAT_SIZE];
    sheet_line(&sheet, "tid", member_number(thread, "id", text));
    sheet_line(&sheet, "name", member_text(thread, "name"));
    sheet_line(&sheet, "process", uri_last_segment(member_text(thread, "process")));
    sheet_line(&sheet, "state", member_text(thread, "state"));
    sheet_line(&sheet, "waits for", member_text(thread, "wait_reason"));
    sheet_line(&sheet, "system call", member_text(thread, "system_call"));
    sheet_line(&sheet, "sleeps in", member_text(thread, "wait_channel"));
    sheet_line(&sheet, "start address", member_text(thread, "start_address"));
    sheet_line(&sheet, "started", member_date(thread, "start_time", text));
    sheet_line(&sheet, "cpu time", member_span(thread, "total_processor_time", text));
    sheet_line(&sheet, "  user", member_span(thread, "user_processor_time", text));
    sheet_line(&sheet, "  kernel", member_span(thread, "priviledged_processor_time", text));
    sheet_line(&sheet, "last cpu", member_number(thread, "cpu", text));
    sheet_line(&sheet, "priority", member_number(thread, "current_priority", text));
    sheet_line(&sheet, "  base", member_number(thread, "base_priority", text));
    sheet_line(&sheet, "  level", member_text(thread, "priority_level"));
    return table_print(&sheet, stdout, &session->out, false);
}

static int run(const struct invocation *invocation)
{
    _cleanup_session_ struct session session;
    _cleanup_request_ struct request request = {0};
    const char *thread = invocation_argument(invocation, 1);
    int64_t child = 0;
    int exit = session_open(invocation, &session);
    if (exit == 0 && thread && (parse_i64(thread, &child) < 0 || child <= 0))
        exit = complain_usage("'%s' is no thread id.", thread);
    if (exit == 0)
        exit = session_request(&session, thread ? "thread" : "threads", &request);
    bool details = !thread && invocation_option(invocation, OPTION_LONG);
    if (exit == 0 && details)
        exit = session_argument(&request, "details", "true");
    request.child = child;
    return exit ? exit
                : session_answer(&session, &request,
                                 thread    ? show_one
                                 : details ? show_long
                                           : show_all);
}

static const struct command_option options[] = {
    {OPTION_LONG, "long", NULL, "where each runs or waits, its time and priority"},
    {0},
};

static const struct command_example examples[] = {
    {"procscope threads 4711 --long", "what each thread of a process is doing"},
    {"procscope threads 4711 4713", "one in full: what it waits for, its times, its priority"},
    {"procscope threads java --no-header | awk '{print $2}' | sort | uniq -c", "how many are in which state"},
    {0},
};

const struct verb verb_threads = {
    .name = "threads",
    .arguments = "PID [TID]",
    .summary = "the threads of a process, or one in full",
    .description =
        "Lists the threads of a process, or shows one of them in full. States are named as in .NET:\n"
        "Running, Wait and so on. PID as in procscope show --help.",
    .options = options,
    .examples = examples,
    .least = 1,
    .most = 2,
    .run = run,
};
