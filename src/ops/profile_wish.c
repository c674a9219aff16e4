#include "ops/profile_wish.h"

#include "base/text.h"
#include "ops/dump_name.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

enum { SECONDS = 10, SESSION_SECONDS = 180, FREQUENCY_MOST = 1000 };

const struct operation_form profile_forms[] = {
    {"pprof", "application/vnd.google.protobuf+gzip"},
    {"speedscope", "application/speedscope+json"},
    {"svg", "image/svg+xml"},
    {"folded", "text/plain"},
    {"nettrace", "application/octet-stream"},
    {0},
};

static int read_mode(const struct request *request, struct sampler_options *options, struct error *error)
{
    const char *mode = request_string(request, "mode"), *unwind = request_string(request, "unwind");

    if (mode && strcasecmp(mode, "cpu") != 0 && strcasecmp(mode, "wall") != 0)
        return error_set(error, EINVAL, "The mode of a profile is cpu or wall, not '%.60s'.", mode);
    if (unwind && strcasecmp(unwind, "cfi") != 0 && strcasecmp(unwind, "fp") != 0)
        return error_set(
            error, EINVAL,
            "Stacks are unwound by cfi (call frame information) or fp (frame pointers), not '%.60s'.",
            unwind);
    options->what = mode && strcasecmp(mode, "wall") == 0 ? PROFILE_WALL : PROFILE_CPU;
    options->frame_pointers = unwind && strcasecmp(unwind, "fp") == 0;
    return 0;
}

int profile_wish_read(const struct request *request, const char *format, const char *duration,
                      struct profile_wish *ret_wish, struct error *error)
{
    const char *wanted = request_string(request, "format");
    uint64_t frequency = 0;
    int r = request_u64(request, "frequency", 0, FREQUENCY_MOST, &frequency, error);

    if (r == 0 && duration)
        r = request_duration_ms(request, duration,
                                (strcmp(duration, "seconds") == 0 ? SECONDS : SESSION_SECONDS) * 1000,
                                LIMIT_PROFILE_MS, &ret_wish->duration_ms, error);
    if (r == 0 && duration && ret_wish->duration_ms == 0)
        r = error_set(error, EINVAL, "A profile of no time is none: %s must be more than 0.", duration);
    if (r == 0)
        r = read_mode(request, &ret_wish->sampler, error);
    if (r < 0)
        return r;
    ret_wish->sampler.frequency = (unsigned)frequency;
    ret_wish->format = profile_format_find(wanted ? wanted : format);
    if (!ret_wish->format)
        return error_set(
            error, EINVAL,
            "The format of a profile is diagsession, nettrace, pprof, speedscope, folded or svg, not "
            "'%.60s'.",
            wanted);
    return 0;
}

void profile_file_name(const struct operation_context *context, const char *process, pid_t pid,
                       const struct profile_format *format, char *ret_name, size_t size)
{
    char name[DUMP_NAME_SIZE], instance[DUMP_NAME_SIZE];

    dump_name_process(process, name);
    dump_name_instance(context->instance_id, instance);
    (void)snprintf(ret_name, size, "profile_%s_%s_%d%s", instance, name, (int)pid, format->suffix); /* fits */
}

int profile_answer(const struct operation_context *context, const struct profile *profile,
                   const struct profile_format *format, struct answer *answer, struct error *error)
{
    _cleanup_fields_ struct fields extra = {0};
    _cleanup_buffer_ struct buffer unnamed = BUFFER_INIT(0);
    char name[PROFILE_NAME_SIZE];
    struct answer_head head = {
        .content_type = format->content_type, .file_name = name, .length = -1, .extra = &extra};
    struct sink *sink;
    int r = fields_add(&extra, "X-Profile-How", profile->facts.how);

    if (r == 0)
        r = fields_add_format(&extra, "X-Profile-Samples", "%" PRIu64, profile->samples);
    if (r == 0)
        r = fields_add_format(&extra, "X-Profile-Lost", "%" PRIu64, profile->lost);
    if (r == 0 && profile->given_up > 0)
        r = fields_add_format(&extra, "X-Profile-Given-Up", "%zu", profile->given_up);
    if (r == 0 && profile->unnamed.code)
        r = text_escape(profile->unnamed.text, &unnamed); /* it may have a path of the target's */
    if (r >= 0 && unnamed.size > 0)
        r = fields_add(&extra, "X-Profile-Unnamed", buffer_string(&unnamed));
    if (r < 0)
        return error_ensure(error, r, "The profile could not be described");
    profile_file_name(context, profile->facts.name, profile->facts.pid, format, name, sizeof name);
    if (strncmp(format->content_type, "text/", 5) == 0 || strncmp(format->content_type, "image/", 6) == 0)
        head.file_name = NULL; /* to be looked at */
    r = answer->begin(answer, &head, &sink, error);
    if (r < 0)
        return r;
    return error_ensure(error, format->write(profile, sink), "The profile could not be sent");
}
