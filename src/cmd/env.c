/* procscope env */
#include "base/text.h"
#include "cmd/exit_code.h"
#include "cmd/session.h"
#include "cmd/show.h"

static int show(struct session *session, const json_t *answer)
{
    _cleanup_buffer_ struct buffer line = BUFFER_INIT(LIMIT_ENVIRON * 8);
    const char *key, *begin = terminal_style(&session->out, STYLE_KEY);
    const char *end = terminal_style(&session->out, STYLE_PLAIN);
    json_t *value;
    json_object_foreach((json_t *)answer, key, value)
    { /* the macro only reads, but wants it writable */
        buffer_clear(&line);
        int r = buffer_append_string(&line, begin);
        if (r >= 0)
            r = text_escape(key, &line);
        if (r >= 0)
            r = buffer_append_format(&line, "%s=", end);
        if (r >= 0)
            r = text_escape(json_is_string(value) ? json_string_value(value) : "", &line);
        if (r < 0)
            return r;
        (void)fprintf(stdout, "%s\n", line.data); /* looked at when all is written */
    }
    return 0;
}

static int run(const struct invocation *invocation)
{
    _cleanup_session_ struct session session;
    _cleanup_request_ struct request request = {0};
    const char *filter = invocation_argument(invocation, 1);
    int exit = session_open(invocation, &session);
    if (exit == 0)
        exit = session_request(&session, "environment", &request);
    if (exit == 0)
        exit = session_argument(&request, "filter", filter && *filter ? filter : "all");
    return exit ? exit : session_answer(&session, &request, show);
}

static const struct command_example examples[] = {
    {"procscope env 4711", "all variables it was started with"},
    {"procscope env 4711 proxy", "those whose name holds 'proxy', in any case"},
    {"procscope env main --json | jq -r .PATH", "one value exactly, newlines included"},
    {0},
};

const struct verb verb_env = {
    .name = "env",
    .arguments = "PID [FILTER]",
    .summary = "the environment a process was started with",
    .description =
        "Prints NAME=value lines. FILTER: only variables whose name holds it, in any case; 'all' is\n"
        "no filter. Values may hold secrets: mind where the output goes. What a terminal can't show is\n"
        "escaped; --json has the values as they are. PID as in procscope show --help.",
    .examples = examples,
    .least = 1,
    .most = 2,
    .run = run,
};
