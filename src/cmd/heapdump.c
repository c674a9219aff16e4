/* procscope heapdump */
#include "cmd/dump_output.h"
#include "cmd/exit_code.h"
#include "cmd/format.h"
#include "cmd/interrupt.h"
#include "cmd/session.h"

#include "base/clock.h"
#include "base/text.h"

#include <string.h>

enum {
    OPTION_OUTPUT = 'o',
    OPTION_OBJECTS = 'a',
    OPTION_FORCE = 'f',
    OPTION_QUIET = 'q',
    OPTION_COMPRESS = OPTION_OWN,
    OPTION_LEVEL,
};

/* "wrote app.hprof: 12.3 MiB, live objects of Java 17.0.15, in 412 ms" */
static int report(const struct dump_output *output, struct error *error)
{
    _cleanup_buffer_ struct buffer line = BUFFER_INIT(0), shown = BUFFER_INIT(0);
    char size[FORMAT_SIZE], took[FORMAT_SIZE];
    int r;
    format_bytes((int64_t)output->sink->written, size);
    format_duration_ns(clock_monotonic_ns() - output->begun_ns, took);
    r = buffer_append_format(
        &line, "wrote %s: %s, %s objects of %s, in %s", output->file ? output->file : "to stdout", size,
        dump_output_head(output, "X-Heap-Objects"), dump_output_head(output, "X-Heap-Runtime"), took);
    if (r >= 0)
        r = text_escape(buffer_string(&line), &shown);
    if (r >= 0 && !output->quiet)
        (void)fprintf(stderr, "procscope: %s\n", buffer_string(&shown)); /* nobody is left to tell */
    return error_ensure(error, r, "The heap dump was written, but could not be described");
}

static int take(struct session *session, const struct request *request, struct dump_output *output)
{
    struct error error = {0};
    int r = dump_output_check(output, &error);
    if (r < 0)
        return complain(&error);
    if (!output->path || strcmp(output->path, "-") != 0)
        interrupt_note(); /* the file that was begun goes away */
    interrupt_no_stop();
    r = session_run(session, request, &output->answer, &error);
    if (r >= 0)
        r = dump_output_finish(output, &error);
    if (r >= 0)
        r = report(output, &error);
    dump_output_release(output);
    interrupt_obey();
    return r < 0 ? complain(&error) : EXIT_GOOD;
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
    return exit ? exit : take(&session, &request, &output);
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
