#include "cmd/show.h"

#include <inttypes.h>
#include <string.h>

const struct column sheet_columns[2] = {{"", 0, STYLE_KEY}, {"", 0, STYLE_PLAIN}};

const char *member_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

const char *member_number(const json_t *object, const char *name, char text[FORMAT_SIZE])
{
    const json_t *value = json_object_get(object, name);
    text[0] = '\0';
    if (json_is_integer(value))
        (void)snprintf(text, FORMAT_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(value)); /* fits */
    return text;
}

const char *member_bytes(const json_t *object, const char *name, char text[FORMAT_SIZE])
{
    const json_t *value = json_object_get(object, name);
    text[0] = '\0';
    if (json_is_integer(value))
        format_bytes(json_integer_value(value), text);
    return text;
}

const char *member_span(const json_t *object, const char *name, char text[FORMAT_SIZE])
{
    const char *span = member_text(object, name);
    if (!format_time_span(span, text))
        (void)snprintf(text, FORMAT_SIZE, "%s", span); /* a form that we don't know, cut if need be */
    return text;
}

const char *member_date(const json_t *object, const char *name, char text[FORMAT_SIZE])
{
    format_date(member_text(object, name), text);
    return text;
}

const char *uri_last_segment(const char *uri)
{
    const char *slash = strrchr(uri, '/');
    return slash ? slash + 1 : uri;
}

void sheet_line(struct table *sheet, const char *label, const char *value)
{
    if (!value || !*value)
        return;
    table_cell(sheet, label);
    table_cell(sheet, value);
}

static const char *without_machine(const char *user)
{
    const char *backslash = strchr(user, '\\');
    return backslash ? backslash + 1 : user;
}

void member_runtime(const json_t *process, char text[FORMAT_SIZE])
{
    const char *version = member_text(process, "runtime_version");

    (void)snprintf(text, FORMAT_SIZE, "%s%s%s", member_text(process, "runtime"), *version ? " " : "",
                   version); /* cut, where another service says more */
}

int show_list(FILE *out, const struct terminal *terminal, unsigned what, const json_t *processes)
{
    static const struct column columns[] = {{"PID", COLUMN_RIGHT, STYLE_KEY},
                                            {"USER", COLUMN_CUT, STYLE_PLAIN},
                                            {"NAME", COLUMN_CUT, STYLE_NAME},
                                            {"RUNTIME", 0, STYLE_PLAIN}};
    bool runtimes = what & SHOW_RUNTIMES;
    _cleanup_table_ struct table table = {.columns = columns, .column_count = runtimes ? 4 : 3};
    const json_t *process;
    size_t i;
    json_array_foreach(processes, i, process)
    {
        char number[FORMAT_SIZE], runtime[FORMAT_SIZE];
        table_cell(&table, member_number(process, "id", number));
        table_cell(&table, without_machine(member_text(process, "user_name")));
        table_cell(&table, member_text(process, "name"));
        member_runtime(process, runtime);
        if (runtimes)
            table_cell(&table, runtime);
    }
    return table_print(&table, out, terminal, what & SHOW_HEADER);
}
