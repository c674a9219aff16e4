/* A profile in one call: samples for some time, then the answer. */
#include "ops/profile_wish.h"
#include "ops/table.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>

/* Until the time is over, the process has ended or no more is wanted: what was taken until then is the
 * profile. */
static int sample(struct sampler *sampler, uint64_t duration_ms, int early_fd, struct error *error)
{
    uint64_t end_ms = clock_monotonic_ms() + duration_ms, now_ms;
    int r = 0;

    while (r == 0 && (now_ms = clock_monotonic_ms()) < end_ms) {
        struct pollfd waited[] = {{.fd = sampler_fd(sampler), .events = POLLIN},
                                  {.fd = early_fd, .events = POLLIN}};

        if (poll(waited, ELEMENTS_OF(waited), (int)(end_ms - now_ms)) <= 0)
            continue;
        if (waited[1].revents)
            break;
        r = sampler_read(sampler);
    }
    if (r == 0 || r == -ESRCH)
        r = sampler_finish(sampler);
    return error_ensure(error, r, "The process could not be sampled");
}

int profile_take(const struct operation_context *context, const struct pidref *target,
                 const struct profile_wish *wish, struct answer *answer, struct error *error)
{
    _cleanup_profile_ struct profile profile = {0};
    _cleanup_sampler_ struct sampler *sampler = NULL;
    int r = sampler_new(context->procfs, target, &wish->sampler, &profile, &sampler, error);

    if (r == 0)
        r = sample(sampler, wish->duration_ms, context->early_end ? context->early_end() : -1, error);
    if (r == 0)
        r = error_ensure(error,
                         profile_name_methods(target, operation_runtime_patience_ms(context), &profile),
                         "The profile could not be named");
    return r < 0 ? r : profile_answer(context, &profile, wish->format, answer, error);
}

int operation_profile(const struct operation_context *context, const struct request *request,
                      struct answer *answer, struct error *error)
{
    _cleanup_pidref_ struct pidref target = PIDREF_INIT;
    struct profile_wish wish = {0};
    bool eventpipe = false;
    int r = profile_source_read(request, &eventpipe, error);

    if (r == 0)
        r = profile_wish_read(request, eventpipe ? "nettrace" : "pprof", "seconds", &wish, error);
    if (r == 0 && eventpipe)
        return profile_of_eventpipe(context, request, &wish, answer, error);
    if (r == 0)
        r = operation_target(context, request, &target, error);
    return r < 0 ? r : profile_take(context, &target, &wish, answer, error);
}
