/* A trace as dotnet-monitor takes it: events of a .NET runtime, in its own words. Of all other processes, and
 * of runtimes that can't be asked, what its profile of the processor is: samples that we take. */
#include "ops/profile_wish.h"
#include "ops/table.h"
#include "ops/trace_wish.h"

#include "base/clock.h"

#include <errno.h>

enum { DURATION_S = 30, INTERVAL_S = 1 };

static int read_times(const struct request *request, struct profile_wish *wish, uint64_t *ret_interval_ms,
                      struct error *error)
{
    int r = request_duration_ms(request, "durationSeconds", DURATION_S * 1000, LIMIT_PROFILE_MS,
                                &wish->duration_ms, error);

    if (r == 0)
        r = request_duration_ms(request, "metricsIntervalSeconds", INTERVAL_S * 1000, LIMIT_LONGEST_MS,
                                ret_interval_ms, error);
    if (r == 0 && (wish->duration_ms == 0 || *ret_interval_ms < 1000))
        r = error_set(error, EINVAL,
                      "durationSeconds must be more than 0, and metricsIntervalSeconds 1 or more.");
    wish->format = profile_format_find("nettrace");
    return r;
}

/* What is no .NET never has the other events, so they are left out. A runtime that can't be asked just now
 * has them, and nobody is to think that there were none. */
static bool is_ours(const struct trace_wish *trace, int reason)
{
    return trace->is_cpu_alone || (trace->has_cpu && reason == -EOPNOTSUPP);
}

static int refuse(const struct pidref *target, const struct trace_wish *trace, const struct error *reason,
                  struct error *error)
{
    if (reason->code == EOPNOTSUPP && !trace->is_own)
        return error_set(error, EINVAL,
                         "Process %d has no .NET runtime: of it there is the profile Cpu, as of every "
                         "process; the others are events of .NET.",
                         (int)target->pid);
    *error = *reason;
    return -reason->code;
}

int operation_monitor_trace(const struct operation_context *context, const struct request *request,
                            struct answer *answer, struct error *error)
{
    _cleanup_pidref_ struct pidref target = PIDREF_INIT;
    _cleanup_trace_wish_ struct trace_wish trace = {0};
    _cleanup_dotnet_ struct dotnet dotnet = DOTNET_INIT;
    _cleanup_dotnet_session_ struct dotnet_session session = DOTNET_SESSION_INIT;
    struct profile_wish wish = {0};
    struct error reason = {0};
    uint64_t interval_ms = 0;
    int r = read_times(request, &wish, &interval_ms, error);

    if (r == 0)
        r = trace_wish_read(request_string(request, "configuration"), request_string(request, "profile"),
                            interval_ms, &trace, error);
    /* arguments of providers can have any property of the program's objects read, keys among them */
    if (r == 0 && trace.is_own)
        r = operation_check_role(context->principal, ROLE_DUMPER, "A trace of providers that are named",
                                 error);
    if (r == 0)
        r = operation_target(context, request, &target, error);
    if (r < 0)
        return r;
    r = dotnet_find(&target, &dotnet, &reason);
    if (r == 0)
        r = dotnet_session_start(&session, &dotnet, trace.providers,
                                 clock_monotonic_ms() + operation_runtime_patience_ms(context), &reason);
    if (r < 0 && is_ours(&trace, r))
        return profile_take(context, &target, &wish, answer, error);
    if (r < 0)
        return refuse(&target, &trace, &reason, error);
    return profile_pass_on(context, &target, &session, &wish, "The .NET runtime's own events.", answer,
                           error);
}
