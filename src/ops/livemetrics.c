/* What a process uses, once a second, as dotnet-monitor streams it: from /proc, without a stop, and so of
 * every language; of .NET what the runtime publishes, too, and of HotSpot what it has in its performance
 * data. */
#include "ops/java_metrics.h"
#include "ops/runtime_metrics.h"
#include "ops/table.h"
#include "view/monitor.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum { DURATION_S = 30, INTERVAL_S = 1, MEGABYTE = 1000000 };

struct sample {
    uint64_t at_ns, cpu_ticks;
    int64_t threads;
    struct proc_status status;
};

static int take(const struct pidref *target, struct sample *ret_sample)
{
    struct sample sample = {.at_ns = clock_monotonic_ns()};
    struct proc_stat stat;
    int r = proc_stat_read(target->dir_fd, &stat);

    if (r == 0)
        r = proc_status_read(target->dir_fd, &sample.status);
    if (r < 0)
        return r;
    if (stat.state == 'Z' || stat.state == 'X')
        return -ESRCH;
    sample.cpu_ticks = stat.user_ticks + stat.system_ticks;
    sample.threads = stat.thread_count;
    *ret_sample = sample;
    return 0;
}

static double megabytes(int64_t bytes)
{
    return bytes < 0 ? 0 : (double)bytes / MEGABYTE;
}

/* Of all processors, as .NET has it. */
static double cpu_percent(const struct host *host, const struct sample *before, const struct sample *now)
{
    double used_s = (double)(now->cpu_ticks - before->cpu_ticks) / (double)host->ticks_per_second;
    double passed_s = (double)(now->at_ns - before->at_ns) / 1e9;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    return 100 * used_s / passed_s / (double)(processors > 0 ? processors : 1);
}

/* One stream of metrics. */
struct live {
    const struct pidref *target;
    const struct host *host;
    const struct metrics_wish *wish;
    struct runtime_metrics *runtime; /* NULL: it has none that tells any */
    struct java_metrics java;
    struct sink *sink;
    struct sample before;
};

static int send_sample(struct live *live, const struct sample *now)
{
    static const char usual[] = "System.Runtime", own[] = METRICS_OWN_PROVIDER;
    _cleanup_buffer_ struct buffer text = {0};
    /* the first two are called and counted as .NET's own are, and left to it where it tells them */
    const struct monitor_metric metrics[] = {
        {usual, "cpu-usage", "CPU Usage", "%", "", cpu_percent(live->host, &live->before, now), false},
        {usual, "working-set", "Working Set", "MB", "", megabytes(now->status.vm_rss), false},
        {own, "private-memory", "Private Memory", "MB", "", megabytes(now->status.vm_data), false},
        {own, "swapped-memory", "Swapped Memory", "MB", "", megabytes(now->status.vm_swap), false},
        {own, "thread-count", "Threads", "", "", (double)now->threads, false},
    };
    int64_t time = clock_realtime_ns();
    int r = 0;

    for (size_t i = 0; i < ELEMENTS_OF(metrics) && r == 0; i++)
        if (metrics_wish_has(live->wish, metrics[i].provider, metrics[i].name) &&
            !(live->runtime && metrics[i].provider == usual))
            r = monitor_metric(&text, time, &metrics[i]);
    if (r == 0)
        r = java_metrics_append(&live->java, live->wish, time,
                                (double)(now->at_ns - live->before.at_ns) / 1e9, &text);
    return r < 0 ? r : sink_write(live->sink, text.data, text.size);
}

/* Until then, or the process has ended (-ESRCH). */
static int wait_until(const struct live *live, uint64_t at_ms)
{
    uint64_t now_ms;

    if (live->runtime)
        return runtime_metrics_read(live->runtime, at_ms);
    while ((now_ms = clock_monotonic_ms()) < at_ms) {
        struct pollfd ended = {.fd = live->target->pid_fd, .events = POLLIN};

        if (poll(&ended, 1, (int)(at_ms - now_ms)) > 0)
            return -ESRCH;
    }
    return 0;
}

static int stream(struct live *live, uint64_t duration_ms, uint64_t interval_ms)
{
    uint64_t began_ms = clock_monotonic_ms();
    int r = 0;

    for (uint64_t passed_ms = interval_ms; r == 0 && passed_ms <= duration_ms; passed_ms += interval_ms) {
        struct sample now;

        r = wait_until(live, began_ms + passed_ms);
        if (r == 0)
            r = take(live->target, &now);
        if (r == 0)
            r = send_sample(live, &now);
        if (r == 0)
            live->before = now;
    }
    if (r == 0 && live->runtime)
        r = runtime_metrics_finish(live->runtime);
    return r == -ESRCH ? 0 : r; /* one that ends has no more metrics, and those that were sent are whole */
}

struct times {
    uint64_t duration_ms, interval_ms;
};

static int read_times(const struct request *request, struct times *ret_times, struct error *error)
{
    struct times times;
    int r = request_duration_ms(request, "durationSeconds", DURATION_S * 1000, LIMIT_LONGEST_MS,
                                &times.duration_ms, error);

    if (r == 0)
        r = request_duration_ms(request, "metricsIntervalSeconds", INTERVAL_S * 1000, LIMIT_LONGEST_MS,
                                &times.interval_ms, error);
    if (r == 0 && (times.interval_ms < 1000 || times.duration_ms < times.interval_ms))
        r = error_set(error, EINVAL,
                      "Metrics are taken every second at the most, and at least once: metricsIntervalSeconds "
                      "must be 1 or more, and durationSeconds no less.");
    if (r == 0)
        *ret_times = times;
    return r;
}

/* A runtime that tells none is no reason to have none at all, where only it could have told what was asked
 * for. The reason goes into the answer's head. */
static int ask_runtime(const struct operation_context *context, const struct times *times, struct live *live,
                       struct runtime_metrics *runtime, struct fields *extra, struct error *error)
{
    uint64_t deadline_ms = clock_monotonic_ms() + operation_runtime_patience_ms(context);
    struct error said = {0};
    int r = runtime_metrics_begin(runtime, live->target, live->wish, times->interval_ms, deadline_ms, &said);

    if (r == 0) {
        live->runtime = runtime;
        return 0;
    }
    if (metrics_wish_needs_runtime(live->wish)) {
        *error = said;
        return r;
    }
    return r == -EOPNOTSUPP ? 0 /* it is of another language */
                            : fields_add(extra, "X-Metrics-Runtime", said.text);
}

static int answer_live(const struct operation_context *context, const struct request *request,
                       const struct times *times, struct live *live, struct answer *answer,
                       struct error *error)
{
    _cleanup_fields_ struct fields extra = {0};
    _cleanup_runtime_metrics_ struct runtime_metrics runtime = {.dotnet = DOTNET_INIT,
                                                                .session = DOTNET_SESSION_INIT};
    const struct answer_head head = {.content_type = "application/json-seq",
                                     .file_name = "livemetrics.metrics.json",
                                     .length = -1,
                                     .extra = &extra};
    int r = take(live->target, &live->before);

    if (r == -ESRCH)
        return error_set(error, ESRCH, "Process with an Id of %d is not running.", (int)live->target->pid);
    if (r < 0)
        return operation_denied(context, live->target, r, "The metrics", error);
    if (!request->head_only) {
        java_metrics_open(&live->java, live->target);
        r = ask_runtime(context, times, live, &runtime, &extra, error);
    }
    if (r == 0)
        r = answer->begin(answer, &head, &live->sink, error);
    if (r < 0 || request->head_only)
        return error_ensure(error, r, "The metrics could not be described");
    runtime.sink = live->sink;
    return error_ensure(error, stream(live, times->duration_ms, times->interval_ms),
                        "The metrics could not be sent");
}

int operation_livemetrics(const struct operation_context *context, const struct request *request,
                          struct answer *answer, struct error *error)
{
    _cleanup_pidref_ struct pidref target = PIDREF_INIT;
    _cleanup_metrics_wish_ struct metrics_wish wish = {0};
    struct times times = {0};
    struct host host;
    struct live live = {.target = &target, .host = &host, .wish = &wish, .java = JAVA_METRICS_INIT};
    int r = read_times(request, &times, error);

    if (r == 0)
        r = metrics_wish_read(request_string(request, "configuration"), &wish, error);
    if (r == 0)
        r = operation_target(context, request, &target, error);
    if (r == 0 && host_read(context->procfs, &host) < 0)
        r = error_set(error, EIO, "The machine's clock could not be read.");
    if (r == 0)
        r = answer_live(context, request, &times, &live, answer, error);
    java_metrics_release(&live.java);
    return r;
}
