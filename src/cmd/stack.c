/* procscope stack */
#include "cmd/exit_code.h"
#include "cmd/session.h"

#include "base/parse.h"
#include "ops/core_stacks.h"

enum {
    OPTION_GROUP = 'g',
    OPTION_CORE = OPTION_OWN,
    OPTION_NO_LINES,
    OPTION_NO_RUNTIME,
    OPTION_FORMAT,
    OPTION_DEBUG_DIRECTORIES,
    OPTION_DEBUGINFOD_URLS
};

static int request_of_core(const struct session *session, const char *core, struct request *ret_request)
{
    if (session->remote.url)
        return complain_usage("A core file is read here: no --url with --core.");
    return session_argument(ret_request, "core", core);
}

static int request_of_process(struct session *session, const char *thread, struct request *ret_request)
{
    if (!invocation_argument(session->invocation, 0))
        return complain_usage("Which process? procscope stack PID, or --core FILE.");
    return session_request(session, thread ? "stack" : "stacks", ret_request);
}

static int run(const struct invocation *invocation)
{
    _cleanup_session_ struct session session;
    _cleanup_request_ struct request request = {0};
    const char *core = invocation_option(invocation, OPTION_CORE);
    const char *format = invocation_option(invocation, OPTION_FORMAT);
    const char *thread = invocation_argument(invocation, core ? 0 : 1);
    int64_t child = 0;
    int exit = session_open(invocation, &session);
    if (exit == 0)
        exit = session_symbols(&session, invocation_option(invocation, OPTION_DEBUG_DIRECTORIES),
                               invocation_option(invocation, OPTION_DEBUGINFOD_URLS));
    if (exit == 0 && thread && (parse_i64(thread, &child) < 0 || child <= 0))
        exit = complain_usage("'%s' is no thread id.", thread);
    if (exit == 0 && core && invocation_argument(invocation, 1))
        exit = complain_usage("A core file has one process: procscope stack --core FILE [TID].");
    if (exit == 0)
        exit =
            core ? request_of_core(&session, core, &request) : request_of_process(&session, thread, &request);
    if (exit == 0)
        exit = session_argument(&request, "format", session.json ? "json" : format ? format : "text");
    if (exit == 0 && invocation_option(invocation, OPTION_GROUP))
        exit = session_argument(&request, "group", "true");
    if (exit == 0 && invocation_option(invocation, OPTION_NO_LINES))
        exit = session_argument(&request, "lines", "false");
    if (exit == 0 && invocation_option(invocation, OPTION_NO_RUNTIME))
        exit = session_argument(&request, "runtime", "false");
    request.child = child;
    return exit ? exit : session_print(&session, core ? &operation_core_stacks : NULL, &request);
}

static const struct command_option options[] = {
    {OPTION_GROUP, "group", NULL, "threads with the same frames once"},
    {OPTION_CORE, "core", "FILE", "of a core file: the kernel's, gdb's, or procscope dump --format core"},
    {OPTION_FORMAT, "format", "FORMAT", "text, json or speedscope (for www.speedscope.app)"},
    {OPTION_NO_LINES, "no-lines", NULL, "no files, lines and inlined functions: faster"},
    {OPTION_NO_RUNTIME, "no-runtime", NULL,
     "no functions of Java, .NET and Python: ask no runtime, show the interpreter's"},
    {OPTION_DEBUG_DIRECTORIES, "debug-directories", "PATHS",
     "where separate debug files are, with : between (default /usr/lib/debug)"},
    {OPTION_DEBUGINFOD_URLS, "debuginfod-urls", "URLS",
     "debuginfod servers to ask for those that are not there (default: none)"},
    {0},
};

static const struct command_example examples[] = {
    {"procscope stack 4711", "where each thread of a process is"},
    {"procscope stack 4711 --group", "the same, for a pool of 500 threads in a few lines"},
    {"procscope stack 4711 4713", "one thread"},
    {"procscope stack 4711 --format speedscope > 4711.speedscope.json", "to look at in speedscope"},
    {"procscope stack --core app.core", "of a process that is gone; its files are looked for by path"},
    {"procscope stack java --json | jq '.threads[].frames[0].function'", "what each is doing right now"},
    {0},
};

const struct verb verb_stack = {
    .name = "stack",
    .arguments = "[PID] [TID]",
    .summary = "the stacks of all threads of a process, or of one",
    .description =
        "Shows which functions each thread is in, innermost first. The process is held for milliseconds,\n"
        "while its registers and stacks are copied; they are unwound while it runs on. Names come from\n"
        "the symbols of its files and from separate debug files on this machine. A\n"
        "frame without a name is shown as file+offset. A Java virtual machine is asked for its frames\n"
        "as jcmd does, which leaves a thread and a socket in it. PID as in procscope show --help.",
    .options = options,
    .examples = examples,
    .least = 0,
    .most = 2,
    .run = run,
};
