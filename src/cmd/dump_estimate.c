#include "cmd/dump_estimate.h"

#include "cmd/exit_code.h"
#include "cmd/show.h"

#include <errno.h>
#include <inttypes.h>

static void add_size(struct table *sheet, const json_t *answer)
{
    bool is_bound = json_is_true(json_object_get(answer, "size_is_upper_bound"));
    int64_t bytes = json_integer_value(json_object_get(answer, "size"));
    char text[FORMAT_SIZE * 2], size[FORMAT_SIZE];

    format_bytes(bytes, size);
    (void)snprintf(text, sizeof text, "%s%s (%" PRId64 " bytes)", is_bound ? "at most " : "", size,
                   bytes); /* fits */
    sheet_line(sheet, "size", text);
}

static void add_pause(struct table *sheet, const json_t *answer)
{
    json_int_t pause = json_integer_value(json_object_get(answer, "expected_pause_microseconds"));
    char text[FORMAT_SIZE];

    if (pause < 0 || pause > INT64_MAX / 1000)
        return;
    format_duration_ns((uint64_t)pause * 1000, text);
    sheet_line(sheet, "held for", text);
}

static int show(struct session *session, const json_t *answer)
{
    _cleanup_table_ struct table sheet = SHEET_INIT;
    char number[FORMAT_SIZE];

    sheet_line(&sheet, "process", member_text(answer, "name"));
    sheet_line(&sheet, "format", member_text(answer, "format"));
    add_size(&sheet, answer);
    sheet_line(&sheet, "of it memory", member_bytes(answer, "memory_bytes", number));
    sheet_line(&sheet, "threads", member_number(answer, "threads", number));
    sheet_line(&sheet, "mode", member_text(answer, "mode"));
    sheet_line(&sheet, "because", member_text(answer, "mode_reason"));
    add_pause(&sheet, answer);
    return table_print(&sheet, stdout, &session->out, false);
}

int dump_estimate_show(struct session *session, struct request *request)
{
    int exit = session_argument(request, "estimate", "true");

    return exit ? exit : session_answer(session, request, show);
}
