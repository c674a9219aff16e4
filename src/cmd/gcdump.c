/* procscope gcdump */
#include "cmd/dump_output.h"
#include "cmd/format.h"
#include "cmd/session.h"

#include "base/parse.h"

#include <string.h>
#include <strings.h>

enum {
    OPTION_OUTPUT = 'o',
    OPTION_FORCE = 'f',
    OPTION_QUIET = 'q',
    OPTION_FORMAT = OPTION_OWN,
    OPTION_MAXIMUM,
};

/* ", 41,112 objects of 3.1 MiB in all, .NET 10.0.1; paused for 12.3 ms", or what a runtime is known by that
 * writes its heap itself. */
static int describe(const struct dump_output *output, struct buffer *line)
{
    const char *runtime = dump_output_head(output, "X-Gcdump-Runtime");
    uint64_t bytes = 0, pause_us = 0;
    char heap[FORMAT_SIZE];
    int r;

    if (!*runtime)
        return buffer_append_format(line, ", %s objects of %s", dump_output_head(output, "X-Heap-Objects"),
                                    dump_output_head(output, "X-Heap-Runtime"));
    if (parse_u64(dump_output_head(output, "X-Gcdump-Bytes"), &bytes) < 0 ||
        parse_u64(dump_output_head(output, "X-Gcdump-Pause-Microseconds"), &pause_us) < 0)
        bytes = pause_us = 0; /* of an older service */
    format_bytes((int64_t)bytes, heap);
    r = buffer_append_format(line, ", %s objects of %s in all, .NET %s",
                             dump_output_head(output, "X-Gcdump-Objects"), heap, runtime);
    if (r >= 0 && *dump_output_head(output, "X-Gcdump-Sampled-Objects"))
        r = buffer_append_format(line, "; %s of them are in the file",
                                 dump_output_head(output, "X-Gcdump-Sampled-Objects"));
    return r >= 0 && pause_us > 0
               ? buffer_append_format(line, "; paused for %.1f ms", (double)pause_us / 1000)
               : r;
}

/* A name says what is in the file. */
static const char *format_of(const char *path)
{
    static const struct {
        const char *ending, *format;
    } endings[] = {{".diagsession", "diagsession"}, {".zip", "zip"}};
    size_t size = path ? strlen(path) : 0;

    for (size_t i = 0; i < ELEMENTS_OF(endings); i++) {
        size_t ending = strlen(endings[i].ending);

        if (size > ending && strcasecmp(path + size - ending, endings[i].ending) == 0)
            return endings[i].format;
    }
    return "raw";
}

static int run(const struct invocation *invocation)
{
    _cleanup_session_ struct session session;
    _cleanup_request_ struct request request = {0};
    _cleanup_(dump_output_release) struct dump_output output;
    const char *path = invocation_option(invocation, OPTION_OUTPUT);
    const char *format = invocation_option(invocation, OPTION_FORMAT);
    int exit;

    dump_output_init(&output, path);
    exit = session_open(invocation, &session);
    if (exit == 0)
        exit = session_request(&session, "gcdump", &request);
    if (exit == 0)
        exit = session_argument(&request, "format", format ? format : format_of(path));
    if (exit == 0)
        exit = session_argument(&request, "maxDumpCountK", invocation_option(invocation, OPTION_MAXIMUM));
    output.force = invocation_option(invocation, OPTION_FORCE) != NULL;
    output.quiet = invocation_option(invocation, OPTION_QUIET) != NULL;
    output.min_rate = session.context.min_rate;
    output.stall_ms = session.remote.url ? -1 : (int)session.context.stall_ms;
    return exit ? exit : dump_output_take(&output, &session, &request, describe);
}

static const struct command_option options[] = {
    {OPTION_OUTPUT, "output", "FILE",
     "where to: a file, a directory, - for a pipe (default: a name made here)"},
    {OPTION_FORMAT, "format", "WORD",
     "raw (a .gcdump), zip or diagsession (default: as FILE's name says, else raw)"},
    {OPTION_MAXIMUM, "max-count-k", "N",
     "at most N thousand objects: a sample, with factors for readers (default: all)"},
    {OPTION_FORCE, "force", NULL, "write over a file that is there"},
    {OPTION_QUIET, "quiet", NULL, "no progress and no closing line"},
    {0},
};

static const struct command_example examples[] = {
    {"procscope gcdump 4711 -o app.gcdump", "then: dotnet-gcdump report app.gcdump, or PerfView"},
    {"procscope --url http://web1:7420 gcdump main -o app.diagsession",
     "for Visual Studio, of a process on web1"},
    {0},
};

const struct verb verb_gcdump = {
    .name = "gcdump",
    .arguments = "PID",
    .summary = "dump the managed heap of a .NET process",
    .description =
        "Asks the runtime (.NET 8 and later) for all objects of its heap, with their types, sizes and\n"
        "references, and what keeps them alive. It collects garbage for it: the program's threads pause as\n"
        "long as that and telling the objects take, which the closing line says. Contents of objects are "
        "not\n"
        "in it. Of a Java virtual machine it is what heapdump gives. PID as in procscope show --help.",
    .options = options,
    .examples = examples,
    .least = 1,
    .most = 1,
    .run = run,
};
