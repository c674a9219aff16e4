/* procscope kill */
#include "cmd/exit_code.h"
#include "cmd/interrupt.h"
#include "cmd/session.h"
#include "cmd/show.h"

#include <errno.h>

enum { OPTION_SIGNAL = 's', OPTION_GRACE = 'g', OPTION_DRY_RUN = 'n' };

static void print_ids(const char *words, const json_t *ids, FILE *out)
{
    const json_t *id;
    size_t i, count = json_array_size(ids);
    (void)fprintf(out, "%s %zu %s:", words, count, count == 1 ? "process" : "processes");
    json_array_foreach(ids, i, id)(void)
        fprintf(out, " %" JSON_INTEGER_FORMAT, json_integer_value(id)); /* looked at at the end */
    (void)fputc('\n', out);
}

static int show(struct session *session, const json_t *answer)
{
    bool dry = invocation_option(session->invocation, OPTION_DRY_RUN) != NULL;
    print_ids(dry ? "Would end" : "Ended", json_object_get(answer, "ended"), stdout);
    return 0;
}

/* Some may be left, which is an answer, and no success. */
static int judge(const struct session *session, const json_t *answer)
{
    struct error error = {0};
    const json_t *remaining = json_object_get(answer, "remaining");
    size_t count = json_array_size(remaining);
    if (count == 0 || invocation_option(session->invocation, OPTION_DRY_RUN))
        return EXIT_GOOD;
    if (!session->json)
        print_ids("Left", remaining, stdout);
    (void)error_set(&error, EIO, "%zu of the processes %s still there: %s.", count, count == 1 ? "is" : "are",
                    json_object_get(answer, "denied")
                        ? "a rule of the service denies to end it"
                        : "no permission, or stuck in the kernel"); /* said below */
    return complain(&error);
}

static int run(const struct invocation *invocation)
{
    _cleanup_session_ struct session session;
    _cleanup_request_ struct request request = {0};
    _cleanup_json_ json_t *answer = NULL;
    int exit = session_open(invocation, &session);
    if (exit == 0)
        exit = session_request(&session, "stop", &request);
    if (exit == 0 && request.id == REQUEST_ID_SELF && !session.remote.url)
        exit = complain_usage("Here 0 is this very command; with --url it ends the service there.");
    if (exit == 0)
        exit = session_argument(&request, "signal", invocation_option(invocation, OPTION_SIGNAL));
    if (exit == 0)
        exit = session_argument(&request, "grace", invocation_option(invocation, OPTION_GRACE));
    if (exit == 0 && invocation_option(invocation, OPTION_DRY_RUN))
        exit = session_argument(&request, "dryRun", "true");
    interrupt_no_stop(); /* half way others would stay stopped */
    if (exit == 0)
        exit = session_answer_keep(&session, &request, show, &answer);
    return exit ? exit : judge(&session, answer);
}

static const struct command_option options[] = {
    {OPTION_SIGNAL, "signal", "S", "the signal to send, by name or number (default KILL; TERM with --grace)"},
    {OPTION_GRACE, "grace", "TIME", "time to end by themselves, as 10s or 500ms, before they are killed"},
    {OPTION_DRY_RUN, "dry-run", NULL, "end nothing, say what would be ended"},
    {0},
};

static const struct command_example examples[] = {
    {"procscope kill 4711 --dry-run", "whom it would end"},
    {"procscope kill 4711 --grace 10s", "TERM first; what is left after 10 seconds is killed"},
    {"procscope --url http://web1:7420 kill 0", "end the procscope service on web1, cleanly"},
    {0},
};

const struct verb verb_kill = {
    .name = "kill",
    .arguments = "PID",
    .summary = "end a process and all that descends from it",
    .description =
        "Ends a process and its descendants, leaf first; what forks meanwhile does not escape. It never\n"
        "ends the machine's process 1, kernel threads or procscope itself. PID as in procscope show\n"
        "--help.",
    .options = options,
    .examples = examples,
    .least = 1,
    .most = 1,
    .run = run,
};
