/* Ends a process and all that descends from it. */
#include "ops/table.h"

#include "base/parse.h"
#include "kill/tree.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

/* "TERM", "SIGTERM", "15". */
static int parse_signal(const char *text, int *ret_signal, struct error *error)
{
    uint64_t number;

    if (parse_u64(text, &number) == 0) {
        if (number > 0 && number < NSIG) {
            *ret_signal = (int)number;
            return 0;
        }
        return error_set(error, EINVAL, "There is no signal %.20s.", text);
    }
    for (int signal = 1; signal < NSIG; signal++) {
        const char *name = sigabbrev_np(signal);
        if (name && strcasecmp(name, strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text) == 0) {
            *ret_signal = signal;
            return 0;
        }
    }
    return error_set(error, EINVAL, "There is no signal '%.60s'.", text);
}

static int read_options(const struct request *request, struct kill_options *options, struct error *error)
{
    const char *signal = request_string(request, "signal");
    int r = signal ? parse_signal(signal, &options->signal, error) : 0;

    if (r == 0)
        r = request_duration_ms(request, "grace", 0, LIMIT_WAIT_MS, &options->grace_ms, error);
    if (r == 0)
        r = request_bool(request, "dryRun", false, &options->dry_run, error);
    return r;
}

static void write_ids(struct json *json, const char *key, const struct id_list *ids)
{
    json_key(json, key);
    json_array_begin(json);
    for (size_t i = 0; i < ids->count; i++)
        json_i64(json, ids->items[i]);
    json_array_end(json);
}

static int answer_result(const struct kill_result *result, struct answer *answer, struct error *error)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_JSON_ANSWER);
    struct json json = JSON_INIT(&text);

    json_object_begin(&json);
    write_ids(&json, "ended", &result->ended);
    write_ids(&json, "remaining", &result->remaining);
    if (result->kept.count > 0)
        write_ids(&json, "denied", &result->kept);
    json_object_end(&json);
    return operation_answer_json(answer, &json, error);
}

/* The service stops as by SIGTERM: after the answer, which it lets come to its end. */
static int stop_service(const struct operation_context *context, bool dry_run, struct answer *answer,
                        struct error *error)
{
    pid_t self = context->service_pid;
    const struct kill_result result = {.ended = {.items = &self, .count = 1}};
    int r = answer_result(&result, answer, error);

    if (r == 0 && !dry_run && kill(context->service_pid, SIGTERM) < 0)
        return error_errno(error, errno, "The service could not be asked to stop");
    return r;
}

/* The service's own processes, front and workers, are its children and have none themselves. */
static int refuse_own(const struct operation_context *context, const struct pidref *target,
                      struct error *error)
{
    struct proc_stat stat;

    if (proc_stat_read(target->dir_fd, &stat) == 0 && stat.parent == context->service_pid)
        return error_set(error, EINVAL,
                         "Process %d belongs to procscope itself, which is stopped as a whole by id 0.",
                         (int)target->pid);
    return 0;
}

/* Where a good answer is a status alone, one that says more is none. */
static int check_bodyless(const struct request *request, const struct kill_options *options,
                          struct error *error)
{
    if (request->dialect != DIALECT_KUDU && options->dry_run)
        return error_set(error, EINVAL,
                         "dryRun answers with a list, and ARM's form of a deletion has no place for it: ask "
                         "/api/processes, without x-ms-geo-location.");
    return 0;
}

static int answer_ended(const struct request *request, const struct kill_result *result,
                        struct answer *answer, struct error *error)
{
    /* some that remain are an answer, too: the caller sees which */
    if (request->dialect == DIALECT_KUDU || result->remaining.count == 0)
        return answer_result(result, answer, error);
    if (result->kept.count > 0)
        return error_set(error, EACCES,
                         "%zu processes were ended, but %d not: a rule of this service denies to end it.",
                         result->ended.count, (int)result->kept.items[0]);
    return error_set(error, ETIMEDOUT, "%zu of %zu processes did not end, the first of them %d.",
                     result->remaining.count, result->remaining.count + result->ended.count,
                     (int)result->remaining.items[0]);
}

struct question {
    const struct operation_context *context;
    const struct request *request;
};

static bool may_signal(void *data, const struct pidref *member)
{
    const struct question *question = data;

    return question->context->may(question->context, question->request, member);
}

/* What descends from it is ended with it, so that, too, has to be allowed. What is forked after this look is
 * asked about when it is found, and left alone where it is denied. */
static int check_tree(const struct operation_context *context, const struct request *request,
                      const struct pidref *target, const struct kill_options *options, struct error *error)
{
    struct kill_options look = *options;
    struct kill_result result = {0};
    int r;

    if (!context->may)
        return 0;
    look.dry_run = true;
    r = kill_tree(context->procfs, target, &look, &result, error);
    for (size_t i = 0; r == 0 && i < result.ended.count; i++) {
        _cleanup_pidref_ struct pidref member = PIDREF_INIT;
        if (pidref_open(context->procfs, result.ended.items[i], &member, NULL) == 0 &&
            !context->may(context, request, &member))
            r = error_set(error, EACCES,
                          "Process %d, which descends from it and would be ended with it, may not be: a rule "
                          "of this service denies it. Nothing was done.",
                          (int)member.pid);
    }
    kill_result_release(&result);
    return r;
}

int operation_stop(const struct operation_context *context, const struct request *request,
                   struct answer *answer, struct error *error)
{
    _cleanup_pidref_ struct pidref target = PIDREF_INIT;
    pid_t spared[] = {context->service_pid, context->protected_pid};
    struct kill_options options = {.spared = spared, .spared_count = context->protected_pid ? 2 : 1};
    struct question question = {.context = context, .request = request};
    struct kill_result result = {0};
    int r = read_options(request, &options, error);

    if (r == 0)
        r = check_bodyless(request, &options, error);
    if (r < 0)
        return r;
    if (request->id == REQUEST_ID_SELF)
        r = operation_check_role(context->principal, ROLE_ADMIN, "stop of the service itself", error);
    if (r < 0)
        return r;
    r = operation_target(context, request, &target, error);
    if (r == 0 && request->id == REQUEST_ID_SELF)
        return stop_service(context, options.dry_run, answer, error);
    if (r == 0)
        r = refuse_own(context, &target, error);
    if (r < 0)
        return r;
    r = check_tree(context, request, &target, &options, error);
    if (r < 0)
        return r;
    options.may = context->may ? may_signal : NULL;
    options.may_data = &question;
    r = kill_tree(context->procfs, &target, &options, &result, error);
    if (r == 0 || r == -ETIMEDOUT)
        r = answer_ended(request, &result, answer, error);
    kill_result_release(&result);
    return r;
}
