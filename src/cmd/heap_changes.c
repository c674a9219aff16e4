#include "cmd/heap_changes.h"

#include "base/json.h"
#include "base/limits.h"
#include "cmd/json_output.h"
#include "cmd/show.h"

#include <errno.h>
#include <inttypes.h>

static void cell_change(struct table *table, int64_t change)
{
    enum style style = change > 0 ? STYLE_BAD : change < 0 ? STYLE_GOOD : STYLE_PLAIN;
    char text[FORMAT_SIZE];

    (void)snprintf(text, sizeof text, change ? "%+" PRId64 : "%" PRId64, change); /* fits */
    table_cell_styled(table, style, text);
}

static void row(struct table *table, const struct heap_change *change)
{
    const char *note = !change->before.count && change->now.count   ? "new"
                       : change->before.count && !change->now.count ? "gone"
                                                                    : "";
    cell_change(table, heap_change_bytes(change));
    cell_change(table, heap_change_count(change));
    table_cell_format(table, "%" PRId64, change->now.bytes);
    table_cell_format(table, "%" PRId64, change->now.count);
    table_cell(table, note);
    table_cell(table, change->type);
}

int heap_changes_show(struct session *session, struct heap_comparison *comparison, bool all)
{
    static const struct column columns[] = {
        {"+BYTES", COLUMN_RIGHT, STYLE_PLAIN}, {"+COUNT", COLUMN_RIGHT, STYLE_PLAIN},
        {"BYTES", COLUMN_RIGHT, STYLE_PLAIN},  {"COUNT", COLUMN_RIGHT, STYLE_PLAIN},
        {"NOTE", COLUMN_OPTIONAL, STYLE_KEY},  {"TYPE", COLUMN_CUT, STYLE_NAME}};
    _cleanup_table_ struct table table = TABLE_INIT(columns);
    const struct heap_change total = {.type = "total", .before = comparison->before, .now = comparison->now};
    size_t changed;
    int r;

    heap_comparison_cut(comparison, SIZE_MAX);
    changed = comparison->count;
    if (!all)
        heap_comparison_cut(comparison, HEAP_TYPES_SHOWN);
    for (size_t i = 0; i < comparison->count; i++)
        row(&table, &comparison->items[i]);
    row(&table, &total);
    r = table_print(&table, stdout, &session->out, session->header);
    if (changed > comparison->count)
        (void)printf("... and %zu more that changed less: --types shows them\n",
                     changed - comparison->count); /* looked at when all is written */
    return r;
}

static void figures(struct json *json, const struct heap_figures *before, const struct heap_figures *now)
{
    json_member_i64(json, "count", now->count);
    json_member_i64(json, "bytes", now->bytes);
    json_member_i64(json, "count_before", before->count);
    json_member_i64(json, "bytes_before", before->bytes);
}

static void member_of(struct json *json, const char *key, const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    if (text)
        json_member_string(json, key, text);
}

static void head(struct json *json, const struct heap_comparison *comparison)
{
    member_of(json, "runtime", comparison->now_json, "runtime");
    member_of(json, "runtime_version", comparison->now_json, "runtime_version");
    json_member_bool(json, "live", !json_is_false(json_object_get(comparison->now_json, "live")));
    member_of(json, "time_stamp", comparison->now_json, "time_stamp");
    member_of(json, "time_stamp_before", comparison->before_json, "time_stamp");
}

int heap_changes_print(struct session *session, const struct heap_comparison *comparison)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER);
    _cleanup_json_ json_t *tree = NULL;
    struct json json = JSON_INIT(&text);
    int r;

    json_object_begin(&json);
    head(&json, comparison);
    json_key(&json, "types");
    json_array_begin(&json);
    for (size_t i = 0; i < comparison->count; i++) {
        const struct heap_change *change = &comparison->items[i];

        json_object_begin(&json);
        json_member_string(&json, "type", change->type);
        if (change->module)
            json_member_string(&json, "module", change->module);
        figures(&json, &change->before, &change->now);
        json_object_end(&json);
    }
    json_array_end(&json);
    figures(&json, &comparison->before, &comparison->now);
    json_object_end(&json);
    r = json_finish(&json);
    if (r < 0)
        return r;
    tree = json_loadb(buffer_string(&text), text.size, 0, NULL);
    if (!tree)
        return -ENOMEM;
    json_output(stdout, &session->out, &text, tree);
    return 0;
}
