/* Figures of the service for Prometheus: what the inspector has counted, and a few of the machine. The front
 * adds those of HTTP. */
#include "ops/metrics.h"

#include "ops/table.h"
#include "proc/load.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* As their statuses are called. */
static const struct {
    int code;
    const char *word;
} results[] = {
    {0, "ok"},
    {EINVAL, "bad_request"},
    {ENOKEY, "unauthorized"},
    {EACCES, "forbidden"},
    {EPERM, "forbidden"},
    {ESRCH, "not_found"},
    {ENOENT, "not_found"},
    {EBUSY, "conflict"},
    {EFBIG, "too_large"},
    {EUSERS, "too_many"},
    {EOPNOTSUPP, "unsupported"},
    {EAGAIN, "unavailable"},
    {ETIMEDOUT, "timeout"},
    {EPIPE, "client_gone"},
    {EIO, "error"}, /* the last: all others */
};

static size_t result_of(int result)
{
    size_t at = 0;

    while (at + 1 < ELEMENTS_OF(results) && results[at].code != -result)
        at++;
    /* two codes of one word are one */
    for (size_t first = 0; first < at; first++)
        if (strcmp(results[first].word, results[at].word) == 0)
            return first;
    return at;
}

static void add(_Atomic uint64_t *counter, uint64_t more)
{
    (void)atomic_fetch_add_explicit(counter, more, memory_order_relaxed); /* what it was before */
}

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void metrics_operation(struct metrics *metrics, const struct operation *table,
                       const struct operation *operation, int result)
{
    size_t at = (size_t)(operation - table);

    if (metrics && at < METRICS_OPERATIONS_MAX)
        add(&metrics->operations[at][result_of(result)], 1);
}

void metrics_answer(struct metrics *metrics, uint64_t bytes, int64_t pause_us)
{
    if (!metrics)
        return;
    add(&metrics->bytes, bytes);
    if (pause_us >= 0)
        histogram_add(&metrics->pauses, histogram_pause, (uint64_t)pause_us * 1000);
}

static void write_operations(struct exposition *exposition, const struct metrics *metrics)
{
    static const char name[] = "procscope_operations_total";

    exposition_family(exposition, name, "counter", "Operations that have ended, by what came of them.");
    for (size_t at = 0; operations[at].name && at < METRICS_OPERATIONS_MAX; at++)
        for (size_t result = 0; result < ELEMENTS_OF(results); result++) {
            const struct exposition_label labels[] = {
                {"operation", operations[at].name}, {"result", results[result].word}, {0}};
            uint64_t count = load(&metrics->operations[at][result]);

            if (count > 0 || (result == 0)) /* so that each has a beginning to be compared with */
                exposition_count(exposition, name, labels, count);
        }
}

static void write_count(struct exposition *exposition, const char *name, const char *type, const char *help,
                        uint64_t value)
{
    exposition_family(exposition, name, type, help);
    exposition_count(exposition, name, NULL, value);
}

static void write_workers(struct exposition *exposition, const struct metrics *metrics)
{
    static const char *const kinds[] = {"kept", "dump", "profile", "stop", "watch"};
    static const char places[] = "procscope_worker_places", busy[] = "procscope_worker_places_busy";

    exposition_family(exposition, places, "gauge", "Workers that there may be at the same time, by kind.");
    for (size_t i = 0; i < METRICS_KINDS; i++)
        exposition_count(exposition, places, (const struct exposition_label[]){{"kind", kinds[i]}, {0}},
                         load(&metrics->places[i]));
    exposition_family(exposition, busy, "gauge", "Workers that are at work.");
    for (size_t i = 0; i < METRICS_KINDS; i++)
        exposition_count(exposition, busy, (const struct exposition_label[]){{"kind", kinds[i]}, {0}},
                         load(&metrics->busy[i]));
    write_count(exposition, "procscope_queue_length", "gauge", "Light operations that wait for a worker.",
                load(&metrics->waiting));
    write_count(exposition, "procscope_workers_started_total", "counter", "Workers that were started.",
                load(&metrics->workers_started));
    write_count(exposition, "procscope_workers_lost_total", "counter",
                "Workers that ended before they had answered.", load(&metrics->workers_lost));
}

static void write_figure(struct exposition *exposition, const char *name, const char *help, double value)
{
    if (value < 0) /* unknown */
        return;
    exposition_family(exposition, name, "gauge", help);
    exposition_double(exposition, name, NULL, value);
}

static void write_host(struct exposition *exposition, const struct operation_context *context)
{
    struct host_load host;

    if (host_load_read(context->procfs, &host) < 0)
        return;
    write_figure(exposition, "procscope_host_processors", "Processors that are online.", host.processors);
    write_figure(exposition, "procscope_host_load1", "Load of the machine, of one minute.", host.load);
    exposition_family(exposition, "procscope_host_cpu_busy_seconds_total", "counter",
                      "Time that all processors together were busy, since boot.");
    exposition_double(exposition, "procscope_host_cpu_busy_seconds_total", NULL,
                      (double)host.busy_ticks / (double)sysconf(_SC_CLK_TCK));
    write_figure(exposition, "procscope_host_memory_bytes", "Memory of the machine.",
                 (double)host.memory_total);
    write_figure(exposition, "procscope_host_memory_available_bytes", "Memory that could be had.",
                 (double)host.memory_available);
}

int operation_metrics(const struct operation_context *context, const struct request *request,
                      struct answer *answer, struct error *error)
{
    static const struct exposition_label version[] = {{"version", PROCSCOPE_VERSION}, {0}};
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_METRICS);
    struct exposition exposition = {.out = &text};
    struct answer_head head = {.content_type = EXPOSITION_TYPE};
    struct sink *sink;
    int r;

    (void)request; /* there is nothing to choose */
    exposition_family(&exposition, "procscope_build_info", "gauge", "Always 1; the version is in the label.");
    exposition_count(&exposition, "procscope_build_info", version, 1);
    if (context->metrics) {
        write_operations(&exposition, context->metrics);
        write_count(&exposition, "procscope_answer_bytes_total", "counter", "Bytes of answers' bodies.",
                    load(&context->metrics->bytes));
        exposition_family(&exposition, "procscope_target_pause_seconds", "histogram",
                          "For how long processes were held by dumps and stacks.");
        exposition_histogram(&exposition, "procscope_target_pause_seconds", NULL, histogram_pause,
                             &context->metrics->pauses);
        write_workers(&exposition, context->metrics);
    }
    write_host(&exposition, context);
    if (exposition.error < 0)
        return error_ensure(error, exposition.error, "The figures could not be written");
    head.length = (int64_t)text.size;
    r = answer->begin(answer, &head, &sink, error);
    return r < 0
               ? r
               : error_ensure(error, sink_write(sink, text.data, text.size), "The figures could not be sent");
}
