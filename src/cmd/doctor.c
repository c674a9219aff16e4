/* procscope doctor */
#include "cmd/exit_code.h"
#include "cmd/session.h"
#include "cmd/show.h"

#include <string.h>

static void print_who(const json_t *answer, struct table *sheet)
{
    const json_t *user = json_object_get(answer, "user"), *process = json_object_get(answer, "process");
    _cleanup_buffer_ struct buffer capabilities = BUFFER_INIT(0);
    char text[FORMAT_SIZE];
    const json_t *capability;
    size_t i;
    sheet_line(sheet, "user", member_text(user, "name"));
    json_array_foreach(json_object_get(user, "capabilities"), i, capability)
    {
        if (buffer_append_format(&capabilities, "%s%s", i ? " " : "", json_string_value(capability)) < 0)
            break; /* a shorter list is all that comes of it */
    }
    sheet_line(sheet, "capabilities", capabilities.size ? capabilities.data : "none that help");
    sheet_line(sheet, "ptrace_scope", member_number(answer, "yama_ptrace_scope", text));
    if (!process)
        return;
    sheet_line(sheet, "process", member_number(process, "id", text));
    sheet_line(sheet, "  name", member_text(process, "name"));
    sheet_line(sheet, "  user", member_text(process, "user"));
}

/* Often one mend is the mend of several: each is said once. */
static bool said_before(const json_t *checks, size_t index, const char *mend)
{
    const json_t *check;
    size_t i;
    json_array_foreach(checks, i, check)
    {
        if (i >= index)
            return false;
        if (strcmp(member_text(check, "mend"), mend) == 0)
            return true;
    }
    return false;
}

static int print_checks(struct session *session, const json_t *checks)
{
    static const struct column columns[] = {{"OPERATION", 0, STYLE_NAME},
                                            {"ALLOWED", 0, STYLE_PLAIN},
                                            {"IN THE WAY", COLUMN_OPTIONAL, STYLE_PLAIN}};
    _cleanup_table_ struct table table = TABLE_INIT(columns), mends = SHEET_INIT;
    const json_t *check;
    size_t i;
    table.flowing = true;
    table.indent = 2;
    json_array_foreach(checks, i, check)
    {
        bool allowed = json_is_true(json_object_get(check, "allowed"));
        const char *mend = member_text(check, "mend");
        table_cell(&table, member_text(check, "operation"));
        table_cell_styled(&table, allowed ? STYLE_GOOD : STYLE_BAD, allowed ? "yes" : "no");
        table_cell(&table, member_text(check, "reason"));
        if (*mend && !said_before(checks, i, mend))
            sheet_line(&mends, "mend", mend);
    }
    int r = table_print(&table, stdout, &session->out, session->header);
    if (r < 0 || mends.count == 0)
        return r;
    (void)fputc('\n', stdout); /* looked at when all is written */
    return table_print(&mends, stdout, &session->out, false);
}

static int show(struct session *session, const json_t *answer)
{
    _cleanup_table_ struct table sheet = SHEET_INIT;
    print_who(answer, &sheet);
    int r = table_print(&sheet, stdout, &session->out, false);
    if (r < 0)
        return r;
    (void)fputc('\n', stdout); /* as above */
    return print_checks(session, json_object_get(answer, "checks"));
}

static bool all_allowed(const json_t *answer)
{
    const json_t *check;
    size_t i;
    json_array_foreach(json_object_get(answer, "checks"), i,
                       check) if (!json_is_true(json_object_get(check, "allowed"))) return false;
    return true;
}

static int run(const struct invocation *invocation)
{
    _cleanup_session_ struct session session;
    _cleanup_request_ struct request request = {0};
    _cleanup_json_ json_t *answer = NULL;
    int exit = session_open(invocation, &session);
    if (exit == 0)
        exit = session_request(&session, "doctor", &request);
    if (exit == 0)
        exit = session_answer_keep(&session, &request, show, &answer);
    return exit ? exit : all_allowed(answer) ? EXIT_GOOD : EXIT_DENIED;
}

static const struct command_example examples[] = {
    {"procscope doctor", "what you may do to processes of others on this machine"},
    {"procscope doctor 4711", "what you may do to this one, what is in the way, and the mend"},
    {"procscope --url http://web1:7420 doctor 4711", "what the service on web1 may do to it"},
    {0},
};

const struct verb verb_doctor = {
    .name = "doctor",
    .arguments = "[PID]",
    .summary = "what you may do to a process, and the mend for what not",
    .description =
        "Tries each kind of access without touching the process, and says which of user, capability,\n"
        "Yama, dumpable, seccomp or namespace is in the way, with the exact mend. Ends with 0 when\n"
        "everything is permitted, with 4 when not. PID as in procscope show --help.",
    .examples = examples,
    .least = 0,
    .most = 1,
    .run = run,
};
