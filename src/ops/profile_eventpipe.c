/* source=eventpipe: a profile that a .NET runtime takes of itself, passed on as it comes. */
#include "ops/profile_wish.h"
#include "ops/table.h"

#include "base/clock.h"
#include "runtime/dotnet_record.h"
#include "stream/diagsession.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

int profile_source_read(const struct request *request, bool *ret_eventpipe, struct error *error)
{
    /* what is chosen with the other source has no meaning here */
    static const char *const others[] = {"frequency", "mode", "unwind"};
    const char *source = request_string(request, "source");

    *ret_eventpipe = source && strcasecmp(source, "eventpipe") == 0;
    if (source && !*ret_eventpipe && strcasecmp(source, "native") != 0)
        return error_set(error, EINVAL, "The source of a profile is native or eventpipe, not '%.60s'.",
                         source);
    for (size_t i = 0; *ret_eventpipe && i < ELEMENTS_OF(others); i++)
        if (request_string(request, others[i]))
            return error_set(
                error, EINVAL,
                "With source=eventpipe the runtime itself takes the samples, 1000 a second of all "
                "its threads: there is no %s.",
                others[i]);
    return 0;
}

/* What comes of it, into the answer as it comes. */
static int record(const struct operation_context *context, struct dotnet_session *session, uint64_t end_ms,
                  struct sink *sink, struct error *error)
{
    return dotnet_record(session, end_ms, context->early_end ? context->early_end() : -1, sink, error);
}

/* The same in a package, which is compressed on the way. */
static int record_in_package(const struct operation_context *context, const struct pidref *target,
                             const char *process, struct dotnet_session *session, uint64_t end_ms,
                             struct sink *sink, struct error *error)
{
    const struct diagsession_resource resource = {
        .type = "DiagnosticsHub.Resource.File",
        .extension = "nettrace",
        .name = *process ? process : "profile",
        .pid = (int)target->pid,
        .id = {(uint64_t)clock_realtime_ns(), (uint64_t)target->pid << 32 ^ target->start_time},
        .most = UINT64_MAX >> 16, /* nobody knows */
        .time = clock_realtime_ns()};
    _cleanup_diagsession_ struct diagsession *package = NULL;
    struct sink *inner;
    int r = diagsession_begin(&resource, sink, &package, &inner);

    if (r == 0)
        r = record(context, session, end_ms, inner, error);
    if (r == 0)
        r = diagsession_finish(package);
    return error_ensure(error, r, "The profile could not be sent");
}

int profile_pass_on(const struct operation_context *context, const struct pidref *target,
                    struct dotnet_session *session, const struct profile_wish *wish, const char *how,
                    struct answer *answer, struct error *error)
{
    _cleanup_fields_ struct fields extra = {0};
    char name[PROFILE_NAME_SIZE], process[256];
    struct answer_head head = {
        .content_type = wish->format->content_type, .file_name = name, .length = -1, .extra = &extra};
    uint64_t end_ms = clock_monotonic_ms() + wish->duration_ms;
    struct sink *sink;
    int r = fields_add(&extra, "X-Profile-How", how);

    operation_target_name(target, process, sizeof process);
    profile_file_name(context, process, target->pid, wish->format, name, sizeof name);
    if (r < 0)
        return error_ensure(error, r, "The profile could not be described");
    r = answer->begin(answer, &head, &sink, error);
    if (r < 0)
        return r;
    if (strcmp(wish->format->name, "diagsession") == 0)
        return record_in_package(context, target, process, session, end_ms, sink, error);
    return record(context, session, end_ms, sink, error);
}

int profile_of_eventpipe(const struct operation_context *context, const struct request *request,
                         const struct profile_wish *wish, struct answer *answer, struct error *error)
{
    _cleanup_pidref_ struct pidref target = PIDREF_INIT;
    _cleanup_dotnet_ struct dotnet dotnet = DOTNET_INIT;
    _cleanup_dotnet_session_ struct dotnet_session session = DOTNET_SESSION_INIT;
    int r;

    if (strcmp(wish->format->name, "nettrace") != 0 && strcmp(wish->format->name, "diagsession") != 0)
        return error_set(error, EINVAL,
                         "With source=eventpipe a profile is a nettrace, as the runtime writes it, or a "
                         "diagsession with that, not '%s'.",
                         wish->format->name);
    r = operation_target(context, request, &target, error);
    if (r == 0)
        r = dotnet_find(&target, &dotnet, error);
    if (r == 0)
        r = dotnet_record_begin(&session, &dotnet,
                                clock_monotonic_ms() + operation_runtime_patience_ms(context), error);
    return r < 0 ? r
                 : profile_pass_on(context, &target, &session, wish,
                                   "The .NET runtime's own samples of its managed threads, 1000 a second.",
                                   answer, error);
}
