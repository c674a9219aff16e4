#include "service/worker.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "ops/profile_session.h"
#include "service/channel.h"
#include "service/debuginfo.h"
#include "service/signals.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* A worker ends with its channel or by SIGKILL, and by nothing that is sent to a terminal's or a service
 * manager's whole group: so running dumps can be given time. Nor is it stopped with that group (Ctrl-Z): the
 * process that it holds would stay held. */
static void set_signals(void)
{
    static const int ignored[] = {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};

    signals_ignore(ignored, ELEMENTS_OF(ignored));
    signals_unblock();
}

static int settle(const struct worker_setup *setup, struct error *error)
{
    int keep[] = {setup->channel, setup->context->procfs ? setup->context->procfs->fd : -1,
                  setup->audit ? setup->audit->fd : -1};

    set_signals();
    (void)prctl(PR_SET_NAME, "procscope-work"); /* only a name */
    /* Nothing of ours may outlive the inspector. It may have died before the prctl: then we have got another
     * parent. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return error_errno(error, errno, "PR_SET_PDEATHSIG failed");
    if (getppid() != setup->inspector_pid)
        return error_set(error, ESRCH, "The inspector is gone.");
    io_close_all_but(STDERR_FILENO + 1, keep, ELEMENTS_OF(keep));
    return sandbox_worker(setup->config, setup->kind, setup->memory_limit, error);
}

/* As long as the inspector lets a dump wait for a place. */
enum { CLAIM_WAIT_MS = 500 };

/* Of one process only so many dumps may run, by whatever id it was asked for. */
static int claim_target(const struct worker_setup *setup, struct request *request, struct error *error)
{
    struct pidref target = PIDREF_INIT;
    int r = 0;

    if (request->id == REQUEST_ID_SELF)
        request->id = setup->context->service_pid;
    if (request->id == REQUEST_ID_MAIN || request->id == REQUEST_ID_WANTED) {
        r = operation_target(setup->context, request, &target, error);
        request->id = r == 0 ? target.pid : request->id;
        pidref_close(&target);
    }
    return r < 0 ? r : claims_take(setup->claims, setup->slot, (pid_t)request->id, CLAIM_WAIT_MS, error);
}

static int call(const struct worker_setup *setup, struct admission *admission, struct request *request,
                struct answer *answer, struct error *error)
{
    const struct operation *operation = operation_find_in(setup->table, request->operation);
    int r = 0;

    if (!operation)
        return error_set(error, EOPNOTSUPP, "There is no operation '%s'.", request->operation);
    admission->operation = operation;
    r = operation_check_role(&request->principal, operation->role, operation->name, error);
    if (r == 0 && operation->flags & OPERATION_NO_TARGET)
        r = admission_admit(setup->context, request, NULL, error);
    if (r == 0 && operation_request_flags(operation, request) & OPERATION_HEAVY)
        r = claim_target(setup, request, error);
    return r < 0 ? r : operation_call(operation, setup->context, request, answer, error);
}

/* Why a body was cut, for the operator: of an error of writing only the kernel's word is known below. */
static const char *cut_reason(int r, const struct error *error)
{
    switch (r) {
    case -EPIPE:
        return "The client went away, or was cut off since it took less than min-rate.";
    case -ETIMEDOUT:
        return "The client took nothing, or less than min-rate, for stall-timeout.";
    default:
        return error->text;
    }
}

/* What touched its target leaves a line of how. */
static void tell(const struct request *request, const struct pipe_answer *answer, uint64_t began_ms, int r,
                 const struct error *error)
{
    long long id = (long long)request->id;
    uint64_t written = answer->sink ? answer->sink->written : 0;

    if (request->head_only || !answer->facts[0])
        return;
    if (r == 0)
        log_info("%s of process %lld: %s; %" PRIu64 " bytes in %" PRIu64 " ms", request->operation, id,
                 answer->facts, written, clock_monotonic_ms() - began_ms);
    else
        log_info("%s of process %lld: %s; cut after %" PRIu64 " bytes in %" PRIu64 " ms: %s",
                 request->operation, id, answer->facts, written, clock_monotonic_ms() - began_ms,
                 cut_reason(r, error));
}

static int run_request(const struct worker_setup *setup, const void *bytes, size_t size, int answer_fd,
                       struct worker_report *report)
{
    _cleanup_request_ struct request request = {0};
    struct operation_context context = *setup->context;
    struct worker_setup for_request = *setup;
    struct admission admission = {.rules = setup->rules, .audit = setup->audit};
    uint64_t began_ms = clock_monotonic_ms();
    struct pipe_answer answer;
    struct error error = {0};
    int r;

    for_request.context = &context;
    debuginfo_begin_answer();
    pipe_answer_init(&answer, answer_fd, (int)setup->context->stall_ms, setup->begun);
    answer.min_rate = setup->context->min_rate;
    r = request_decode_admitted(bytes, size, &request, &error);
    context.principal = &request.principal;
    context.admit = admission_admit;
    context.may = admission_may;
    context.admit_data = &admission;
    if (r == 0)
        r = call(&for_request, &admission, &request, &answer.answer, &error);
    r = pipe_answer_end(&answer, r, &error);
    if (r < 0)
        log_debug("%s %lld: %s", request.operation, (long long)request.id, error.text);
    tell(&request, &answer, began_ms, r, &error);
    report->bytes = answer.sink ? answer.sink->written : 0;
    report->pause_us = answer.pause_us;
    report->was_denied = admission.was_denied;
    pipe_answer_release(&answer);
    return r;
}

/* For those who show processes, and who look for the session. */
static void tell_session(const struct worker_setup *setup)
{
    pid_t pid = profile_session_pid();

    atomic_store(&setup->profiled[setup->slot], profile_session_is_over() ? -pid : pid);
}

/* One request from the channel. > 0: served; 0: the channel ended; else a negative errno. */
static int serve_one(const struct worker_setup *setup, char *message)
{
    _cleanup_close_ int answer_fd = -1;
    struct worker_report report = {0};
    struct rusage usage;
    ssize_t n = channel_receive(setup->channel, message, LIMIT_MESSAGE, &answer_fd);

    if (n <= 0)
        return (int)n;
    if (answer_fd < 0)
        return -EBADMSG;
    report.result = run_request(setup, message, (size_t)n, answer_fd, &report);
    answer_fd = fd_close(answer_fd); /* before the report: after it the inspector closes the last one */
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        report.peak_memory_kib = (uint32_t)usage.ru_maxrss;
    report.session = profile_session_pid();
    tell_session(setup);
    n = channel_send(setup->channel, &report, sizeof report, -1);
    return n < 0 ? (int)n : 1;
}

/* No client waits for a step, so there is no deadline that would end one which files or memory of the target
 * keep busy for ever. */
enum { STEP_SECONDS = 120 };

/* Until there is another request, or nobody has come for the profile. > 0: there is one. */
static int sample_meanwhile(const struct worker_setup *setup)
{
    while (profile_session_pid() != 0) {
        struct pollfd waited[] = {{.fd = setup->channel, .events = POLLIN},
                                  {.fd = profile_session_fd(), .events = POLLIN}};

        (void)poll(waited, ELEMENTS_OF(waited), profile_session_timeout_ms()); /* EINTR: as good as a step */
        if (waited[0].revents)
            return 1;
        signals_call_within(STEP_SECONDS, profile_session_step);
        tell_session(setup);
    }
    return 0;
}

_Noreturn void worker_main(const struct worker_setup *setup)
{
    static char message[LIMIT_MESSAGE];
    struct error error = {0};
    int r = settle(setup, &error);

    if (r < 0) {
        if (r != -ESRCH)
            log_error("A worker could not start: %s", error.text);
        _exit(EXIT_FAILURE);
    }
    do {
        r = serve_one(setup, message);
        if (r > 0 && setup->kind != SANDBOX_KEPT)
            r = sample_meanwhile(setup);
    } while (r > 0);
    /* no exit(): handlers and buffers are the inspector's */
    _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}
