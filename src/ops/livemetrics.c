/* What a process uses, once a second, as dotnet-monitor streams it: from /proc, without a stop, and so of
 * every language. */
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

static int send_sample(struct sink *sink, const struct host *host, const struct sample *before,
                       const struct sample *now)
{
    _cleanup_buffer_ struct buffer text = {0};
    /* the first two are called and counted as .NET's own are */
    const struct monitor_metric metrics[] = {
        {"System.Runtime", "cpu-usage", "CPU Usage", "%", cpu_percent(host, before, now), false},
        {"System.Runtime", "working-set", "Working Set", "MB", megabytes(now->status.vm_rss), false},
        {"procscope", "private-memory", "Private Memory", "MB", megabytes(now->status.vm_data), false},
        {"procscope", "swapped-memory", "Swapped Memory", "MB", megabytes(now->status.vm_swap), false},
        {"procscope", "thread-count", "Threads", "", (double)now->threads, false},
    };
    int64_t time = clock_realtime_ns();
    int r = 0;

    for (size_t i = 0; i < ELEMENTS_OF(metrics) && r == 0; i++)
        r = monitor_metric(&text, time, &metrics[i]);
    return r < 0 ? r : sink_write(sink, text.data, text.size);
}

/* Until then, or the process has ended (-ESRCH). */
static int wait_until(const struct pidref *target, uint64_t at_ms)
{
    uint64_t now_ms;

    while ((now_ms = clock_monotonic_ms()) < at_ms) {
        struct pollfd ended = {.fd = target->pid_fd, .events = POLLIN};

        if (poll(&ended, 1, (int)(at_ms - now_ms)) > 0)
            return -ESRCH;
    }
    return 0;
}

static int stream(const struct pidref *target, const struct host *host, uint64_t duration_ms,
                  uint64_t interval_ms, struct sink *sink, struct sample *before)
{
    uint64_t began_ms = clock_monotonic_ms();
    int r = 0;

    for (uint64_t passed_ms = interval_ms; r == 0 && passed_ms <= duration_ms; passed_ms += interval_ms) {
        struct sample now;

        r = wait_until(target, began_ms + passed_ms);
        if (r == 0)
            r = take(target, &now);
        if (r == 0)
            r = send_sample(sink, host, before, &now);
        if (r == 0)
            *before = now;
    }
    return r == -ESRCH ? 0 : r; /* one that ends has no more metrics, and those that were sent are whole */
}

int operation_livemetrics(const struct operation_context *context, const struct request *request,
                          struct answer *answer, struct error *error)
{
    static const struct answer_head head = {
        .content_type = "application/json-seq", .file_name = "livemetrics.metrics.json", .length = -1};
    _cleanup_pidref_ struct pidref target = PIDREF_INIT;
    uint64_t duration_ms, interval_ms;
    struct sample before;
    struct host host;
    struct sink *sink;
    int r = request_duration_ms(request, "durationSeconds", DURATION_S * 1000, LIMIT_LONGEST_MS, &duration_ms,
                                error);

    if (r == 0)
        r = request_duration_ms(request, "metricsIntervalSeconds", INTERVAL_S * 1000, LIMIT_LONGEST_MS,
                                &interval_ms, error);
    if (r == 0 && (interval_ms < 1000 || duration_ms < interval_ms))
        r = error_set(error, EINVAL,
                      "Metrics are taken every second at the most, and at least once: metricsIntervalSeconds "
                      "must be 1 or more, and durationSeconds no less.");
    if (r == 0)
        r = operation_target(context, request, &target, error);
    if (r == 0 && host_read(context->procfs, &host) < 0)
        r = error_set(error, EIO, "The machine's clock could not be read.");
    if (r < 0)
        return r;
    r = take(&target, &before);
    if (r == -ESRCH)
        return error_set(error, ESRCH, "Process with an Id of %d is not running.", (int)target.pid);
    if (r < 0)
        return operation_denied(context, &target, r, "The metrics", error);
    r = answer->begin(answer, &head, &sink, error);
    if (r < 0 || request->head_only)
        return r;
    return error_ensure(error, stream(&target, &host, duration_ms, interval_ms, sink, &before),
                        "The metrics could not be sent");
}
