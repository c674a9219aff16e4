/* procscope profile */
#include "cmd/dump_output.h"
#include "cmd/session.h"

#include <string.h>
#include <strings.h>

enum {
    OPTION_OUTPUT = 'o',
    OPTION_SECONDS = 's',
    OPTION_FREQUENCY = 'F',
    OPTION_FORCE = 'f',
    OPTION_QUIET = 'q',
    OPTION_FORMAT = OPTION_OWN,
    OPTION_MODE,
    OPTION_UNWIND,
    OPTION_SOURCE,
    OPTION_DEBUG_DIRECTORIES,
    OPTION_DEBUGINFOD_URLS,
};

/* ", 990 samples. Perf events ..." */
static int describe(const struct dump_output *output, struct buffer *line)
{
    const char *samples = dump_output_head(output, "X-Profile-Samples");
    const char *lost = dump_output_head(output, "X-Profile-Lost");
    const char *given_up = dump_output_head(output, "X-Profile-Given-Up");
    const char *unnamed = dump_output_head(output, "X-Profile-Unnamed");
    int r = *samples ? buffer_append_format(line, ", %s samples", samples) : 0;
    if (r >= 0 && *lost && strcmp(lost, "0") != 0)
        r = buffer_append_format(line, ", %s lost", lost);
    if (r >= 0)
        r = buffer_append_format(line, ". %s", dump_output_head(output, "X-Profile-How"));
    if (r >= 0 && *given_up)
        r = buffer_append_format(line, " Names or lines of %s files are missing: finding them took too long.",
                                 given_up);
    if (r >= 0 && *unnamed)
        r = buffer_append_format(line, " Methods have no names: %s", unnamed);
    return r;
}

/* A name says what is in the file. */
static const char *format_of(const char *path)
{
    static const struct {
        const char *ending, *format;
    } endings[] = {{".svg", "svg"},           {".json", "speedscope"},         {".folded", "folded"},
                   {".nettrace", "nettrace"}, {".diagsession", "diagsession"}, {".pb.gz", "pprof"}};
    size_t size = path ? strlen(path) : 0;
    for (size_t i = 0; i < ELEMENTS_OF(endings); i++) {
        size_t ending = strlen(endings[i].ending);
        if (size > ending && strcasecmp(path + size - ending, endings[i].ending) == 0)
            return endings[i].format;
    }
    return NULL;
}

static int run(const struct invocation *invocation)
{
    _cleanup_session_ struct session session;
    _cleanup_request_ struct request request = {0};
    _cleanup_(dump_output_release) struct dump_output output;
    const char *path = invocation_option(invocation, OPTION_OUTPUT);
    const char *format = invocation_option(invocation, OPTION_FORMAT);
    dump_output_init(&output, path);
    int exit = session_open(invocation, &session);
    if (exit == 0)
        exit = session_symbols(&session, invocation_option(invocation, OPTION_DEBUG_DIRECTORIES),
                               invocation_option(invocation, OPTION_DEBUGINFOD_URLS));
    if (exit == 0)
        exit = session_request(&session, "profile", &request);
    if (exit == 0)
        exit = session_argument(&request, "seconds", invocation_option(invocation, OPTION_SECONDS));
    if (exit == 0)
        exit = session_argument(&request, "format", format ? format : format_of(path));
    if (exit == 0)
        exit = session_argument(&request, "frequency", invocation_option(invocation, OPTION_FREQUENCY));
    if (exit == 0)
        exit = session_argument(&request, "mode", invocation_option(invocation, OPTION_MODE));
    if (exit == 0)
        exit = session_argument(&request, "unwind", invocation_option(invocation, OPTION_UNWIND));
    if (exit == 0)
        exit = session_argument(&request, "source", invocation_option(invocation, OPTION_SOURCE));
    output.force = invocation_option(invocation, OPTION_FORCE) != NULL;
    output.quiet = invocation_option(invocation, OPTION_QUIET) != NULL;
    output.ends_early = true;
    output.stall_ms = -1;
    return exit ? exit : dump_output_take(&output, &session, &request, describe);
}

static const struct command_option options[] = {
    {OPTION_OUTPUT, "output", "FILE",
     "where to: a file, a directory, - for a pipe (default: a name made here)"},
    {OPTION_SECONDS, "seconds", "TIME", "for how long: 30, 2m (default 10)"},
    {OPTION_FREQUENCY, "frequency", "HZ", "samples a second, at most 1000 (default 99)"},
    {OPTION_FORMAT, "format", "WORD",
     "pprof, speedscope, folded, svg, nettrace or diagsession (default: as FILE's name says, else pprof)"},
    {OPTION_MODE, "mode", "WORD", "cpu (what runs, the default) or wall (threads that wait, too)"},
    {OPTION_UNWIND, "unwind", "WORD", "cfi (default) or fp: by frame pointers, as for code of a JIT"},
    {OPTION_SOURCE, "source", "WORD",
     "native (default), or eventpipe: samples that a .NET runtime takes itself, as nettrace or diagsession"},
    {OPTION_DEBUG_DIRECTORIES, "debug-directories", "PATHS",
     "where separate debug files are, with : between (default /usr/lib/debug)"},
    {OPTION_DEBUGINFOD_URLS, "debuginfod-urls", "URLS",
     "debuginfod servers to ask for those that are not there (default: none)"},
    {OPTION_FORCE, "force", NULL, "write over a file that is there"},
    {OPTION_QUIET, "quiet", NULL, "no progress and no closing line"},
    {0},
};

static const struct command_example examples[] = {
    {"procscope profile 4711 -o app.svg", "a flame graph of ten seconds; open it in a browser"},
    {"procscope profile 4711 -s 30 -o app.pb.gz", "then: go tool pprof -http : app.pb.gz"},
    {"procscope profile 4711 --mode wall -o - --format folded", "where threads wait, on standard output"},
    {"procscope --url http://web1:7420 profile main -o app.json", "for speedscope.app, of a process on web1"},
    {0},
};

const struct verb verb_profile = {
    .name = "profile",
    .arguments = "PID",
    .summary = "sample where a process spends its time",
    .description =
        "Samples all threads of a process while it runs, by the kernel's perf events: it is not stopped.\n"
        "Where these are not permitted, and with --mode wall, it is held for moments instead, a hundredth\n"
        "of the time at the most. The closing line says which. Ctrl-C ends sampling, and what was taken is\n"
        "written; a second one leaves nothing. PID as in procscope show --help.",
    .options = options,
    .examples = examples,
    .least = 1,
    .most = 1,
    .run = run,
};
