/* What all processes do, as a stream without an end: one sampler for all who look. */
#include "ops/events.h"

#include "ops/table.h"
#include "view/events.h"

#include "base/clock.h"

#include <endian.h>
#include <errno.h>
#include <time.h>

/* A sample of very many processes takes long: then there are fewer of them, so that the sampler never takes
 * more than a twentieth of one processor. */
enum { INTERVAL_MS = 1000, SHARE = 20, INTERVAL_MOST_MS = 30000 };

/* No client waits for a sample, so there is no deadline that would end one that the files or the memory of a
 * target keep busy for ever. */
enum { SAMPLE_SECONDS = 30 };

static uint64_t own_cpu_ns(void)
{
    struct timespec used;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used); /* can't fail for this clock */
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

static int send_frame(struct sink *sink, enum events_kind kind, uint64_t number, struct json *json,
                      struct error *error)
{
    struct events_frame frame = {
        .size = htole32((uint32_t)json->out->size), .kind = htole32(kind), .number = htole64(number)};
    int r = json_finish(json);

    if (r == -ENOBUFS)
        return error_set(error, EFBIG, "There are too many processes to watch them all.");
    if (r == 0)
        r = sink_write(sink, &frame, sizeof frame);
    if (r == 0)
        r = sink_write(sink, buffer_string(json->out), json->out->size);
    return error_ensure(error, r, "The events could not be sent");
}

/* ticks_size: of those since the last snapshot. */
static int send_sample(struct sink *sink, const struct watch *watch, uint64_t interval_ms,
                       const struct mask *mask, struct buffer *text, size_t *ticks_size, struct error *error)
{
    uint64_t number = watch->samples - 1;
    int r = 0;

    if (number > 0) {
        struct json json = JSON_INIT(text);
        buffer_clear(text);
        events_tick(&json, watch, interval_ms, mask);
        r = send_frame(sink, EVENTS_TICK, number, &json, error);
        *ticks_size += text->size;
    }
    if (r == 0 && events_snapshot_is_due(number, *ticks_size)) {
        struct json json = JSON_INIT(text);
        buffer_clear(text);
        events_snapshot(&json, watch, interval_ms, mask);
        r = send_frame(sink, EVENTS_SNAPSHOT, number, &json, error);
        *ticks_size = 0;
    }
    return r;
}

static void sleep_until(uint64_t at_ns)
{
    struct timespec until = {.tv_sec = (time_t)(at_ns / 1000000000u), .tv_nsec = (long)(at_ns % 1000000000u)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        ;
}

static uint64_t next_interval(uint64_t used_ns)
{
    uint64_t least = used_ns * SHARE / 1000000;

    return least < INTERVAL_MS ? INTERVAL_MS : least < INTERVAL_MOST_MS ? least : INTERVAL_MOST_MS;
}

/* HEAD: whether the one who asks may watch, as whom, and until when. */
static int answer_head(const struct operation_context *context, struct answer *answer, struct error *error)
{
    const struct principal *principal = context->principal;
    _cleanup_fields_ struct fields extra = {0};
    struct answer_head head = {.content_type = "application/octet-stream", .extra = &extra};
    struct sink *sink;
    int r = fields_add(&extra, "X-Role", role_name(principal ? principal->role : ROLE_ADMIN));

    if (r == 0)
        r = fields_add_format(&extra, "X-Expires", "%lld", (long long)(principal ? principal->expires : 0));
    if (r < 0)
        return error_ensure(error, r, "The events could not be begun");
    return answer->begin(answer, &head, &sink, error);
}

int operation_events(const struct operation_context *context, const struct request *request,
                     struct answer *answer, struct error *error)
{
    static const struct answer_head head = {.content_type = "application/octet-stream", .length = -1};
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_EVENTS_FRAME);
    _cleanup_watch_ struct watch watch = {0};
    const struct mask mask = operation_mask(context, (uid_t)-1);
    uint64_t at_ns = clock_monotonic_ns(), used_ns = 0, interval_ms = INTERVAL_MS;
    struct sink *sink = NULL;
    size_t ticks_size = 0;
    int r = 0;

    if (request->head_only)
        return answer_head(context, answer, error);
    while (r == 0) {
        uint64_t before_ns = own_cpu_ns();

        (void)alarm(SAMPLE_SECONDS); /* there was no other */
        r = watch_sample(&watch, context->procfs);
        (void)alarm(0);
        if (r < 0)
            return error_errno(error, -r, "The processes could not be read");
        if (!sink)
            r = answer->begin(answer, &head, &sink, error);
        if (r == 0)
            r = send_sample(sink, &watch, interval_ms, &mask, &text, &ticks_size, error);
        used_ns = own_cpu_ns() - before_ns;
        interval_ms = next_interval(watch.samples == 1 ? 0 : used_ns); /* the first reads all facts */
        at_ns += interval_ms * 1000000;
        if (at_ns < clock_monotonic_ns()) /* late by a whole one: what was missed is not made up for */
            at_ns = clock_monotonic_ns();
        if (r == 0)
            sleep_until(at_ns);
    }
    return r;
}
