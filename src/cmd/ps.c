/* procscope ps */
#include "cmd/exit_code.h"
#include "cmd/session.h"
#include "cmd/show.h"

enum { OPTION_ALL = 'a', OPTION_MINE = 'm', OPTION_KERNEL = 'k', OPTION_RUNTIME = 'r' };

static int show(struct session *session, const json_t *answer)
{
    unsigned what = session->header ? SHOW_HEADER : 0;
    if (invocation_option(session->invocation, OPTION_RUNTIME))
        what |= SHOW_RUNTIMES;
    return show_list(stdout, &session->out, what, answer);
}

static int run(const struct invocation *invocation)
{
    _cleanup_session_ struct session session;
    _cleanup_request_ struct request request = {.operation = "list"};
    bool all = invocation_option(invocation, OPTION_ALL), mine = invocation_option(invocation, OPTION_MINE);
    int exit = session_open(invocation, &session);
    if (exit == 0 && all && mine)
        exit = complain_usage("--all or --mine, not both.");
    if (exit == 0 && (all || mine))
        exit = session_argument(&request, "allUsers", all ? "true" : "false");
    if (exit == 0 && invocation_option(invocation, OPTION_KERNEL))
        exit = session_argument(&request, "kernel", "true");
    return exit ? exit : session_answer(&session, &request, show);
}

static const struct command_option options[] = {
    {OPTION_ALL, "all", NULL, "processes of all users (as root: the default)"},
    {OPTION_MINE, "mine", NULL, "only those of the user that procscope runs as"},
    {OPTION_KERNEL, "kernel", NULL, "kernel threads too"},
    {OPTION_RUNTIME, "runtime", NULL, "what runs their code, too: Java 17.0.15, native"},
    {0},
};

static const struct command_example examples[] = {
    {"procscope ps --all", "everything that runs here"},
    {"procscope ps --no-header | awk '$3 == \"python3\" {print $1}'", "the ids of all python3"},
    {"procscope ps -ar | grep Java", "all Java virtual machines, and their versions"},
    {"procscope --url http://web1:7420 ps --json", "what runs on web1, for a program"},
    {0},
};

const struct verb verb_ps = {
    .name = "ps",
    .arguments = "",
    .summary = "list processes",
    .description =
        "Lists processes by name: id, user, name. Without --all or --mine: all when procscope runs\n"
        "as root, else those of its own user.",
    .options = options,
    .examples = examples,
    .run = run,
};
