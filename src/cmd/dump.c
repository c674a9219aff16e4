/* procscope dump */
#include "cmd/dump_estimate.h"
#include "cmd/dump_output.h"
#include "cmd/exit_code.h"
#include "cmd/session.h"

#include "base/clock.h"
#include "base/parse.h"
#include "cmd/format.h"

#include <inttypes.h>
#include <string.h>

enum {
    OPTION_OUTPUT = 'o',
    OPTION_TYPE = 't',
    OPTION_FORCE = 'f',
    OPTION_QUIET = 'q',
    OPTION_FORMAT = OPTION_OWN,
    OPTION_INNER,
    OPTION_MODULES,
    OPTION_COMPRESS,
    OPTION_LEVEL,
    OPTION_ESTIMATE,
    OPTION_MAX_BYTES,
    OPTION_MODE,
    OPTION_MAX_PAUSE,
};

/* ", 8 threads, held for 250 us, ..." */
static int describe(const struct dump_output *output, struct buffer *line)
{
    const char *threads = dump_output_head(output, "X-Dump-Threads");
    const char *mode = dump_output_head(output, "X-Dump-Mode");
    const char *pause = dump_output_head(output, "X-Dump-Pause-Microseconds");
    const char *ignored = dump_output_head(output, "X-Dump-Flags-Ignored");
    const char *reduced = dump_output_head(output, "X-Dump-Type-Reduced");
    const char *reason = dump_output_head(output, "X-Dump-Mode-Reason");
    char text[FORMAT_SIZE];
    uint64_t held = 0;
    int r = 0;
    if (*threads)
        r = buffer_append_format(line, ", %s %s", threads, strcmp(threads, "1") == 0 ? "thread" : "threads");
    if (r >= 0 && *mode)
        r = buffer_append_format(line, ", mode %s", mode);
    if (parse_u64(pause, &held) == 0 && held < UINT64_MAX / 1000)
        format_duration_ns(held * 1000, text);
    else
        format_duration_ns(clock_monotonic_ns() - output->begun_ns, text);
    if (r >= 0 && (*pause || strcmp(mode, "stop") == 0))
        r = buffer_append_format(line, ", %s %s", *pause ? "held for" : "held while it was written, about",
                                 text);
    if (r >= 0 && *reduced)
        r = buffer_append_format(line, "; type %s, not to hold it longer", reduced);
    if (r >= 0 && *reason)
        r = buffer_append_format(line, "; no snapshot: %s", reason);
    if (r >= 0 && *ignored)
        r = buffer_append_format(line, "; without effect in this version: type bits %s", ignored);
    return r;
}

/* "mini" and "full" for the two that matter most; else the number, which may be in hex. */
static int type_argument(struct request *request, const char *type)
{
    char number[24];
    uint64_t value = 0;
    if (!type || strcmp(type, "mini") == 0)
        return session_argument(request, "dumpType", "0");
    if (strcmp(type, "full") == 0)
        return session_argument(request, "dumpType", "2");
    int r = strncmp(type, "0x", 2) == 0 ? parse_hex(type, &value) : parse_u64(type, &value);
    if (r < 0)
        return complain_usage("'%s' is no type of dump: it is mini, full or a number (see docs).", type);
    (void)snprintf(number, sizeof number, "%" PRIu64, value); /* fits */
    return session_argument(request, "dumpType", number);
}

static int run(const struct invocation *invocation)
{
    _cleanup_session_ struct session session;
    _cleanup_request_ struct request request = {0};
    _cleanup_(dump_output_release) struct dump_output output;
    dump_output_init(&output, invocation_option(invocation, OPTION_OUTPUT));
    int exit = session_open(invocation, &session);
    if (exit == 0)
        exit = session_request(&session, "dump", &request);
    if (exit == 0)
        exit = type_argument(&request, invocation_option(invocation, OPTION_TYPE));
    if (exit == 0)
        exit = session_argument(&request, "format", invocation_option(invocation, OPTION_FORMAT));
    if (exit == 0)
        exit = session_argument(&request, "inner", invocation_option(invocation, OPTION_INNER));
    if (exit == 0)
        exit = session_argument(&request, "modules", invocation_option(invocation, OPTION_MODULES));
    if (exit == 0)
        exit = session_argument(&request, "compress", invocation_option(invocation, OPTION_COMPRESS));
    if (exit == 0)
        exit = session_argument(&request, "level", invocation_option(invocation, OPTION_LEVEL));
    if (exit == 0)
        exit = session_argument(&request, "maxBytes", invocation_option(invocation, OPTION_MAX_BYTES));
    if (exit == 0)
        exit = session_argument(&request, "mode", invocation_option(invocation, OPTION_MODE));
    if (exit == 0)
        exit = session_argument(&request, "maxPauseMs", invocation_option(invocation, OPTION_MAX_PAUSE));
    if (exit == 0 && invocation_option(invocation, OPTION_ESTIMATE))
        return dump_estimate_show(&session, &request);
    output.force = invocation_option(invocation, OPTION_FORCE) != NULL;
    output.quiet = invocation_option(invocation, OPTION_QUIET) != NULL;
    output.min_rate = session.context.min_rate;
    output.stall_ms = session.remote.url ? -1 : (int)session.context.stall_ms;
    return exit ? exit : dump_output_take(&output, &session, &request, describe);
}

static const struct command_option options[] = {
    {OPTION_OUTPUT, "output", "FILE",
     "where to: a file, a directory, - for a pipe (default: a name made here)"},
    {OPTION_TYPE, "type", "N", "mini (0, the default), full (2), or bits of MINIDUMP_TYPE (0x200)"},
    {OPTION_FORMAT, "format", "WORD", "raw (a minidump, the default), core (an ELF core) or zip"},
    {OPTION_INNER, "inner", "WORD", "what a zip holds: raw (the default) or core"},
    {OPTION_MODULES, "modules", "WORD", "in a zip too: debugger (.NET's, the default), all or none"},
    {OPTION_COMPRESS, "compress", "WORD", "gzip or zstd, for raw and core"},
    {OPTION_LEVEL, "level", "N", "of gzip and zip 0 to 3, of zstd 1 to 9 (default 1)"},
    {OPTION_MODE, "mode", "WORD", "auto (default), snapshot (copy-on-write) or stop (held while it is read)"},
    {OPTION_MAX_PAUSE, "max-pause", "MS", "hold it no longer: rather take less, or nothing"},
    {OPTION_ESTIMATE, "estimate", NULL, "only say how large it would be; the process is not touched"},
    {OPTION_MAX_BYTES, "max-bytes", "SIZE",
     "refuse a dump larger than that before it is compressed: 500M, 2G"},
    {OPTION_FORCE, "force", NULL, "write over a file that is there"},
    {OPTION_QUIET, "quiet", NULL, "no progress and no closing line"},
    {0},
};

static const struct command_example examples[] = {
    {"procscope dump 4711", "threads, registers and stacks; the process is held for milliseconds"},
    {"procscope dump 4711 --type full -o app.dmp", "all of its memory; then: lldb -c app.dmp"},
    {"procscope dump 4711 --format core -o app.core", "for gdb: gdb PROGRAM app.core"},
    {"procscope dump main -t 2 --compress zstd -o app.dmp.zst", "compressed on all processors"},
    {"procscope --url http://web1:7420 dump 4711 -o /tmp", "of a process on web1, into a directory here"},
    {0},
};

const struct verb verb_dump = {
    .name = "dump",
    .arguments = "PID",
    .summary = "take a minidump or an ELF core, for gdb, lldb or Breakpad's tools",
    .description = "Writes a dump of a running process, which runs on. The file appears only once it is\n"
                   "whole, readable by its owner only: a dump holds what the process held, secrets too.\n"
                   "Ctrl-C leaves no file and lets the process run. PID as in procscope show --help.",
    .options = options,
    .examples = examples,
    .least = 1,
    .most = 1,
    .run = run,
};
