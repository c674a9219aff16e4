#include "ops/profile_session.h"

#include "ops/profile_wish.h"
#include "ops/table.h"

#include "base/clock.h"

#include <errno.h>

/* How long a profile waits to be fetched once it was taken, and once more where somebody has it already: each
 * takes the place of another one. */
enum { FETCH_WITHIN_MS = 15 * 60 * 1000, FETCH_AGAIN_WITHIN_MS = 5 * 60 * 1000, LOOK_MS = 1000 };

/* The process's own: a request begins it, another one takes it. */
static struct session {
    struct pidref target;
    struct sampler *sampler; /* NULL: no session */
    struct profile profile;
    bool is_over;         /* sampling is */
    uint64_t patience_ms; /* with its runtime */
    uint64_t end_ms;
    uint64_t forget_ms;
} session = {.target = PIDREF_INIT};

static void session_release(void)
{
    sampler_free(session.sampler);
    profile_release(&session.profile);
    pidref_close(&session.target);
    session = (struct session){.target = PIDREF_INIT};
}

pid_t profile_session_pid(void)
{
    return session.sampler ? session.target.pid : 0;
}

bool profile_session_is_over(void)
{
    return session.is_over;
}

int profile_session_fd(void)
{
    return session.sampler && !session.is_over ? sampler_fd(session.sampler) : -1;
}

int profile_session_timeout_ms(void)
{
    uint64_t now_ms = clock_monotonic_ms(), at_ms = session.is_over ? session.forget_ms : session.end_ms;

    return at_ms <= now_ms ? 0 : at_ms - now_ms < LOOK_MS ? (int)(at_ms - now_ms) : LOOK_MS;
}

static void finish(void)
{
    /* without memory for more: what was counted, and named, is the profile */
    (void)!sampler_finish(session.sampler);
    (void)!profile_name_methods(&session.target, session.patience_ms, &session.profile);
    session.is_over = true;
}

void profile_session_step(void)
{
    uint64_t now_ms = clock_monotonic_ms();

    if (!session.sampler)
        return;
    if (!session.is_over && (now_ms >= session.end_ms || sampler_read(session.sampler) < 0))
        finish(); /* also where the target has ended */
    if (session.is_over && now_ms >= session.forget_ms)
        session_release();
}

/* Whether what is asked for is another process by now: its number was used again, or another one is the main
 * process. One that has ended can still be asked for by its number. */
static bool is_of_another(const struct operation_context *context, const struct request *request)
{
    _cleanup_pidref_ struct pidref present = PIDREF_INIT;
    struct operation_context plain = *context; /* nothing is done to that one, so nobody is asked about it */
    bool is_there;

    plain.admit = NULL;
    is_there = operation_target(&plain, request, &present, NULL) == 0;
    if (!is_there)
        return request->id == REQUEST_ID_WANTED;
    return present.pid != session.target.pid || !pidref_alive(&session.target);
}

/* What somebody else has begun is only given up once this one may begin. */
static int begin(const struct operation_context *context, const struct request *request,
                 const struct profile_wish *wish, struct error *error)
{
    struct pidref target = PIDREF_INIT;
    int r = operation_target_with_memory(context, request, &target, error);

    if (r < 0)
        return r;
    session_release();
    session.target = target;
    r = sampler_new(context->procfs, &session.target, &wish->sampler, &session.profile, &session.sampler,
                    error);
    if (r < 0) {
        session_release();
        return r;
    }
    session.patience_ms = operation_runtime_patience_ms(context);
    session.end_ms = clock_monotonic_ms() + wish->duration_ms;
    session.forget_ms = session.end_ms + FETCH_WITHIN_MS;
    return 0;
}

/* Starting what runs already is well, as in Kudu. */
int operation_profile_start(const struct operation_context *context, const struct request *request,
                            struct answer *answer, struct error *error)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_MESSAGE);
    struct json json = JSON_INIT(&text);
    struct profile_wish wish = {0};
    int r = profile_wish_read(request, "diagsession", "duration", &wish, error);
    bool is_other = r == 0 && session.sampler && is_of_another(context, request);
    /* nobody can ask for it any more */
    bool is_lost = is_other && request->id == session.target.pid;

    if (r == 0 && session.sampler && !is_lost && context->admit) /* what is there may be another's */
        r = context->admit(context, request, &session.target, error);
    if (r == 0 && (!session.sampler || is_other || session.is_over)) /* nobody came for that one */
        r = begin(context, request, &wish, error);
    if (r < 0)
        return r;
    json_object_begin(&json);
    json_member_i64(&json, "id", session.target.pid);
    json_member_string(&json, "name", session.profile.facts.name);
    json_member_bool(&json, "is_profile_running", !session.is_over);
    json_member_string(&json, "how", session.profile.facts.how);
    json_object_end(&json);
    return operation_answer_json(answer, &json, error);
}

int operation_profile_stop(const struct operation_context *context, const struct request *request,
                           struct answer *answer, struct error *error)
{
    struct profile_wish wish = {0};
    bool keep;
    int r = profile_wish_read(request, "diagsession", NULL, &wish, error);

    if (r == 0)
        r = request_bool(request, "keep", false, &keep, error);
    if (r < 0)
        return r;
    if (!session.sampler || is_of_another(context, request))
        return error_set(error, ENOENT, "No profile of process %lld is running.", (long long)request->id);
    if (context->admit)
        r = context->admit(context, request, &session.target, error);
    if (r < 0)
        return r;
    if (!session.is_over)
        finish();
    r = profile_answer(context, &session.profile, wish.format, answer, error);
    if (keep)
        session.forget_ms = clock_monotonic_ms() + FETCH_AGAIN_WITHIN_MS;
    else
        session_release();
    return r;
}
