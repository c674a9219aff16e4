/* procscope heapdump */
#include "cmd/dump_output.h"
#include "cmd/format.h"
#include "cmd/session.h"

#include "base/clock.h"

enum {
    OPTION_OUTPUT = 'o',
    OPTION_OBJECTS = 'a',
    OPTION_FORCE = 'f',
    OPTION_QUIET = 'q',
    OPTION_COMPRESS = OPTION_OWN,
    OPTION_LEVEL,
};

/* ", live objects of Java 17.0.15, in 412 ms" */
static int describe(const struct dump_output *output, struct buffer *line)
{
    char took[FORMAT_SIZE];
    format_duration_ns(clock_monotonic_ns() - output->begun_ns, took);
    return buffer_append_format(line, ", %s objects of %s, in %s", dump_output_head(output, "X-Heap-Objects"),
                                dump_output_head(output, "X-Heap-Runtime"), took);
}

static int run(const struct invocation *invocation)
{
    _cleanup_session_ struct session session;
    _cleanup_request_ struct request request = {0};
    _cleanup_(dump_output_release) struct dump_output output;
    dump_output_init(&output, invocation_option(invocation, OPTION_OUTPUT));
    int exit = session_open(invocation, &session);
    if (exit == 0)
        exit = session_request(&session, "heapdump", &request);
    if (exit == 0 && invocation_option(invocation, OPTION_OBJECTS))
        exit = session_argument(&request, "live", "false");
    if (exit == 0)
        exit = session_argument(&request, "compress", invocation_option(invocation, OPTION_COMPRESS));
    if (exit == 0)
        exit = session_argument(&request, "level", invocation_option(invocation, OPTION_LEVEL));
    output.force = invocation_option(invocation, OPTION_FORCE) != NULL;
    output.quiet = invocation_option(invocation, OPTION_QUIET) != NULL;
    output.min_rate = session.context.min_rate;
    output.stall_ms = session.remote.url ? -1 : (int)session.context.stall_ms;
    return exit ? exit : dump_output_take(&output, &session, &request, describe);
}

static const struct command_option options[] = {
    {OPTION_OUTPUT, "output", "FILE",
     "where to: a file, a directory, - for a pipe (default: a name made here)"},
    {OPTION_OBJECTS, "all", NULL,
     "all objects, also those that can't be reached; without a collection before (Java)"},
    {OPTION_COMPRESS, "compress", "WORD", "gzip"},
    {OPTION_LEVEL, "level", "N", "of gzip 0 to 3 (default 1)"},
    {OPTION_FORCE, "force", NULL, "write over a file that is there"},
    {OPTION_QUIET, "quiet", NULL, "no progress and no closing line"},
    {0},
};

static const struct command_example examples[] = {
    {"procscope heapdump 4711 -o app.hprof", "of a Java virtual machine; open it in VisualVM or Eclipse MAT"},
    {"procscope heapdump 4712 -o app.heapsnapshot", "of Node.js; open it in Chromium's developer tools"},
    {"procscope heapdump 4711 --compress gzip -o - | ssh box 'cat > app.hprof.gz'", "without a file here"},
    {0},
};

const struct verb verb_heapdump = {
    .name = "heapdump",
    .arguments = "PID",
    .summary = "the heap of Java (.hprof), Node.js (.heapsnapshot) or .NET (.gcdump)",
    .description =
        "Has the runtime write its heap and passes that on, with no file on the target's side. Java and\n"
        "Node.js stand still until all is written, unlike with dump: a slow reader is given up. Node.js has\n"
        "its inspector open for a moment. PID as in procscope show --help.",
    .options = options,
    .examples = examples,
    .least = 1,
    .most = 1,
    .run = run,
};
