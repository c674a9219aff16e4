/* procscope show */
#include "cmd/exit_code.h"
#include "cmd/session.h"
#include "cmd/show.h"

#include <errno.h>
#include <string.h>

enum { OPTION_FILES = 'f' };

static void line_memory(struct table *sheet, const json_t *process, const char *label, const char *now,
                        const char *peak)
{
    char bytes[FORMAT_SIZE], most[FORMAT_SIZE], text[2 * FORMAT_SIZE + 16];
    (void)snprintf(text, sizeof text, "%s", member_bytes(process, now, bytes)); /* both fit */
    if (peak && *member_bytes(process, peak, most) && *text)
        (void)snprintf(text, sizeof text, "%s (at most %s)", bytes, most);
    sheet_line(sheet, label, text);
}

static void line_cpu(struct table *sheet, const json_t *process)
{
    char total[FORMAT_SIZE], user[FORMAT_SIZE], kernel[FORMAT_SIZE], text[3 * FORMAT_SIZE + 32];
    if (!*member_span(process, "total_cpu_time", total)) {
        sheet_line(sheet, "cpu time", "0 s");
        return;
    }
    (void)member_span(process, "user_cpu_time", user);
    (void)member_span(process, "privileged_cpu_time", kernel);
    (void)snprintf(text, sizeof text, "%s (user %s, kernel %s)", total, *user ? user : "0 s",
                   *kernel ? kernel : "0 s"); /* all fit */
    sheet_line(sheet, "cpu time", text);
}

static int line_children(struct table *sheet, const json_t *process)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(0);
    const json_t *child;
    size_t i;
    json_array_foreach(json_object_get(process, "children"), i, child)
    {
        const char *uri = json_string_value(child);
        int r = buffer_append_format(&text, "%s%s", i ? " " : "", uri ? uri_last_segment(uri) : "?");
        if (r < 0)
            return r;
    }
    sheet_line(sheet, "children", buffer_string(&text));
    return 0;
}

/* What could not be counted for lack of permission is -1, and not shown as a number. */
static void line_count(struct table *sheet, const json_t *process, const char *label, const char *name)
{
    char number[FORMAT_SIZE];
    bool unknown = json_integer_value(json_object_get(process, name)) < 0;
    sheet_line(sheet, label,
               unknown ? "unknown (see procscope doctor)" : member_number(process, name, number));
}

static int print_sheet(struct session *session, const json_t *process)
{
    _cleanup_table_ struct table sheet = SHEET_INIT;
    char text[FORMAT_SIZE];
    const char *parent = uri_last_segment(member_text(process, "parent"));
    sheet_line(&sheet, "pid", member_number(process, "id", text));
    sheet_line(&sheet, "name", member_text(process, "name"));
    sheet_line(&sheet, "user", member_text(process, "user_name"));
    sheet_line(&sheet, "file", member_text(process, "file_name"));
    sheet_line(&sheet, "command line", member_text(process, "command_line"));
    member_runtime(process, text);
    sheet_line(&sheet, "runtime", text);
    sheet_line(&sheet, "parent", strcmp(parent, "-1") == 0 ? "none" : parent);
    int r = line_children(&sheet, process);
    sheet_line(&sheet, "started", member_date(process, "start_time", text));
    line_cpu(&sheet, process);
    line_count(&sheet, process, "threads", "thread_count");
    line_count(&sheet, process, "modules", "module_count");
    line_count(&sheet, process, "open files", "handle_count");
    line_memory(&sheet, process, "working set", "working_set", "peak_working_set");
    line_memory(&sheet, process, "private", "private_memory", NULL);
    line_memory(&sheet, process, "virtual", "virtual_memory", "peak_virtual_memory");
    line_memory(&sheet, process, "swapped out", "paged_memory", NULL);
    sheet_line(&sheet, "description", member_text(process, "description"));
    return r < 0 ? r : table_print(&sheet, stdout, &session->out, false);
}

static int print_files(struct session *session, const json_t *process)
{
    static const struct column columns[] = {{"OPEN FILE", 0, STYLE_PLAIN}};
    _cleanup_table_ struct table table = TABLE_INIT(columns);
    const json_t *file;
    size_t i;
    table.flowing = true;
    table.indent = 2;
    json_array_foreach(json_object_get(process, "open_file_handles"), i, file)
        table_cell(&table, json_string_value(file));
    return table_print(&table, stdout, &session->out, session->header);
}

static int show(struct session *session, const json_t *answer)
{
    int r = print_sheet(session, answer);
    if (r < 0 || !invocation_option(session->invocation, OPTION_FILES))
        return r;
    (void)fputc('\n', stdout); /* looked at when all is written */
    return print_files(session, answer);
}

static int run(const struct invocation *invocation)
{
    _cleanup_session_ struct session session;
    _cleanup_request_ struct request request = {0};
    int exit = session_open(invocation, &session);
    if (exit == 0)
        exit = session_request(&session, "show", &request);
    return exit ? exit : session_answer(&session, &request, show);
}

static const struct command_option options[] = {
    {OPTION_FILES, "files", NULL, "the open files and sockets too"},
    {0},
};

static const struct command_example examples[] = {
    {"procscope show 4711", "one process in full"},
    {"procscope show postgres --files", "by its name, with what it has open"},
    {"procscope show main --json", "the main process of this container, for a program"},
    {0},
};

const struct verb verb_show = {
    .name = "show",
    .arguments = "PID",
    .summary = "one process in full",
    .description =
        "Shows what is known of one process: file, command line, family, times, memory, counts.\n\n"
        "PID is a process id; a name that only one process has; 'main' (or -1) for the main\n"
        "process, as in a container; 'self' (or 0) for procscope itself, with --url the service.",
    .options = options,
    .examples = examples,
    .least = 1,
    .most = 1,
    .run = run,
};
