/* procscope modules */
#include "cmd/exit_code.h"
#include "cmd/session.h"
#include "cmd/show.h"

#include "base/parse.h"

static int show_all(struct session *session, const json_t *answer)
{
    static const struct column columns[] = {{"BASE", COLUMN_RIGHT, STYLE_KEY},
                                            {"VERSION", COLUMN_CUT, STYLE_PLAIN},
                                            {"FILE", COLUMN_CUT, STYLE_NAME}};
    _cleanup_table_ struct table table = TABLE_INIT(columns);
    const json_t *module;
    size_t i;
    json_array_foreach(answer, i, module)
    {
        table_cell(&table, member_text(module, "base_address"));
        table_cell(&table, member_text(module, "file_version"));
        table_cell(&table, member_text(module, "file_name"));
    }
    return table_print(&table, stdout, &session->out, session->header);
}

static int show_one(struct session *session, const json_t *module)
{
    _cleanup_table_ struct table sheet = SHEET_INIT;
    char text[FORMAT_SIZE];
    sheet_line(&sheet, "base", member_text(module, "base_address"));
    sheet_line(&sheet, "size", member_bytes(module, "module_memory_size", text));
    sheet_line(&sheet, "file", member_text(module, "file_path"));
    sheet_line(&sheet, "version", member_text(module, "file_version"));
    sheet_line(&sheet, "soname", member_text(module, "soname"));
    sheet_line(&sheet, "build id", member_text(module, "build_id"));
    sheet_line(&sheet, "debug info", json_is_true(json_object_get(module, "is_debug")) ? "yes" : "no");
    if (json_is_true(json_object_get(module, "deleted")))
        sheet_line(&sheet, "deleted", "yes: the file was removed or replaced since it was loaded");
    return table_print(&sheet, stdout, &session->out, false);
}

static int run(const struct invocation *invocation)
{
    _cleanup_session_ struct session session;
    _cleanup_request_ struct request request = {0};
    const char *base = invocation_argument(invocation, 1);
    uint64_t address = 0;
    int exit = session_open(invocation, &session);
    if (exit == 0 && base && parse_hex(base, &address) < 0)
        exit = complain_usage("'%s' is no address in hex.", base);
    if (exit == 0)
        exit = session_request(&session, base ? "module" : "modules", &request);
    request.child = (int64_t)address;
    return exit ? exit : session_answer(&session, &request, base ? show_one : show_all);
}

static const struct command_example examples[] = {
    {"procscope modules 4711", "the program and the libraries it has loaded, and where"},
    {"procscope modules 4711 7f12a5c00000", "one of them: path, size, build id, soname"},
    {"procscope modules nginx | grep ssl", "which libssl a process really runs with"},
    {0},
};

const struct verb verb_modules = {
    .name = "modules",
    .arguments = "PID [BASE]",
    .summary = "the files a process runs from, or one in full",
    .description =
        "Lists the ELF files (program, libraries, vdso) mapped into a process, or shows the one at the\n"
        "address BASE (in hex, as in the list) in full. PID as in procscope show --help.",
    .examples = examples,
    .least = 1,
    .most = 2,
    .run = run,
};
