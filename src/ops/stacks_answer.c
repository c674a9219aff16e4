#include "ops/stacks.h"

#include "ops/stacks_profile.h"
#include "profile/formats.h"
#include "view/monitor.h"

#include <errno.h>
#include <strings.h>

const struct operation_form stacks_forms[] = {
    {"json", "application/json"},
    {"text", "text/plain"},
    {"speedscope", "application/speedscope+json"},
    {0},
};

static int read_format(const struct request *request, enum stacks_format *ret_format, struct error *error)
{
    const char *format = request_string(request, "format");

    if (!format || strcasecmp(format, "json") == 0)
        *ret_format = STACKS_JSON;
    else if (strcasecmp(format, "text") == 0)
        *ret_format = STACKS_TEXT;
    else if (strcasecmp(format, "speedscope") == 0)
        *ret_format = STACKS_SPEEDSCOPE;
    else
        return error_set(error, EINVAL, "The format of stacks is json, text or speedscope, not '%.60s'.",
                         format);
    return 0;
}

int stacks_wish_read(const struct request *request, struct stacks_wish *ret_wish, struct error *error)
{
    int r = read_format(request, &ret_wish->format, error);

    ret_wish->is_monitor = request->dialect == DIALECT_MONITOR;
    if (r == 0)
        r = request_bool(request, "group", false, &ret_wish->together, error);
    if (r == 0)
        r = request_bool(request, "runtime", true, &ret_wish->runtime, error);
    return r < 0 ? r : request_bool(request, "lines", true, &ret_wish->lines, error);
}

static int answer_text(const struct stacks_view *view, bool is_monitor, struct answer *answer,
                       struct error *error)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER);
    struct answer_head head = {.content_type = "text/plain; charset=utf-8"};
    struct sink *sink;
    int r = is_monitor ? monitor_stacks_text(&text, view) : stacks_text(&text, view);

    if (r < 0)
        return error_errno(error, -r, "The stacks could not be written");
    head.length = (int64_t)text.size;
    r = answer->begin(answer, &head, &sink, error);
    if (r < 0)
        return r;
    return error_ensure(error, sink_write(sink, buffer_string(&text), text.size),
                        "The answer could not be sent");
}

static int answer_json(const struct stacks_view *view, const struct stacks_wish *wish, struct answer *answer,
                       struct error *error)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER);
    struct json json = JSON_INIT(&text);

    if (wish->is_monitor)
        monitor_stacks_json(&json, view);
    else if (wish->only)
        stack_json(&json, view, &view->stacks->items[0]);
    else
        stacks_json(&json, view);
    return operation_answer_json(answer, &json, error);
}

static int write_speedscope(const struct stacks_view *view, struct buffer *text)
{
    _cleanup_profile_ struct profile profile = {0};
    _cleanup_sink_ struct sink *sink = NULL;
    int r = stacks_profile(view, &profile);

    if (r == 0)
        r = sink_memory_new(text, &sink);
    return r < 0 ? r : profile_write_speedscope(&profile, sink);
}

/* Speedscope opens what it is given by the file's name. */
static int answer_speedscope(const struct stacks_view *view, struct answer *answer, struct error *error)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER);
    char name[64];
    struct answer_head head = {.content_type = "application/speedscope+json", .file_name = name};
    struct sink *sink;
    int r = write_speedscope(view, &text);

    if (r < 0)
        return error_errno(error, -r, "The stacks could not be written");
    (void)snprintf(name, sizeof name, "stacks_%d.speedscope.json", (int)view->capture->pid); /* fits */
    head.length = (int64_t)text.size;
    r = answer->begin(answer, &head, &sink, error);
    if (r < 0)
        return r;
    return error_ensure(error, sink_write(sink, buffer_string(&text), text.size),
                        "The answer could not be sent");
}

/* Code of no file that nobody else has a name for. */
static void name_methods(struct dotnet_names *names, struct stacks *stacks)
{
    for (size_t i = 0; i < stacks->count; i++)
        for (size_t j = 0; j < stacks->items[i].count; j++) {
            struct frame *frame = &stacks->items[i].frames[j];
            const char *name;
            uint64_t offset;

            if (frame->module || frame->function || frame->is_signal ||
                !dotnet_names_find(names, frame->address - frame->is_return, &name, &offset))
                continue;
            frame->function = string_pool_add(stacks->strings, name); /* NULL: there are too many */
            frame->offset = offset + frame->is_return;
            frame->is_dotnet = frame->function != NULL;
        }
}

int stacks_answer(const struct stacks_wish *wish, const struct stacks_sources *sources,
                  const struct kudu_style *style, struct answer *answer, struct error *error)
{
    _cleanup_stacks_ struct stacks stacks = {0};
    const struct capture *capture = sources->capture;
    const struct stacks_options options = {.lines = wish->lines,
                                           .only = wish->only,
                                           .memory = sources->memory,
                                           .process = sources->process,
                                           .python = sources->python};
    const struct stacks_view view = {.style = style,
                                     .capture = capture,
                                     .stacks = &stacks,
                                     .java = wish->java,
                                     .dotnet = sources->dotnet,
                                     .together = wish->together};
    int r = stacks_unwind(capture, &options, &stacks);

    if (r < 0)
        return error_errno(error, -r, "The stacks could not be unwound");
    if (sources->dotnet)
        name_methods(sources->dotnet, &stacks);
    if (wish->only && stacks.count == 0)
        return error_set(error, ENOENT, "Thread with an Id of %d is not part of process %d.", (int)wish->only,
                         (int)capture->pid);
    switch (wish->format) {
    case STACKS_TEXT:
        return answer_text(&view, wish->is_monitor, answer, error);
    case STACKS_SPEEDSCOPE:
        return answer_speedscope(&view, answer, error);
    case STACKS_JSON:
        break;
    }
    return answer_json(&view, wish, answer, error);
}
