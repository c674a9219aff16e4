#include "ops/java_metrics.h"

#include "capture/runtime.h"
#include "proc/patient.h"
#include "proc/stat.h"
#include "proc/status.h"
#include "view/monitor.h"

#include <errno.h>
#include <inttypes.h>

enum { GENERATIONS_MAX = 8, SPACES_MAX = 8, MEGABYTE = 1000000 };

static int64_t number(const struct hotspot_data *data, const char *name)
{
    int64_t value;

    return hotspot_data_number(data, name, &value) == 0 && value > 0 ? value : 0;
}

static void read_collectors(const struct hotspot_data *data, struct java_collector *ret_collectors)
{
    char name[64];

    for (int i = 0; i < JAVA_COLLECTORS_MAX; i++) {
        (void)snprintf(name, sizeof name, "sun.gc.collector.%d.invocations", i); /* fit, both */
        ret_collectors[i].count = number(data, name);
        (void)snprintf(name, sizeof name, "sun.gc.collector.%d.time", i);
        ret_collectors[i].ticks = number(data, name);
    }
}

void java_metrics_open(struct java_metrics *metrics, const struct pidref *process)
{
    _cleanup_map_list_ struct map_list maps = {0};
    struct proc_status status;
    struct proc_stat stat;
    struct runtime runtime = {0};
    pid_t inner_pid = process->pid;

    if (proc_stat_read(process->dir_fd, &stat) < 0 || proc_status_read(process->dir_fd, &status) < 0)
        return;
    runtime_read(process->dir_fd, &stat, &runtime);
    if (runtime.kind != RUNTIME_JAVA || proc_memory_is_locked(process->dir_fd) ||
        maps_read(process->dir_fd, &maps, NULL) < 0)
        return;
    if (status.namespace_depth > 0)
        inner_pid = status.namespace_pids[status.namespace_depth - 1];
    if (hotspot_data_open(process, &maps, inner_pid, &metrics->data) == 0)
        read_collectors(&metrics->data, metrics->before);
}

void java_metrics_release(struct java_metrics *metrics)
{
    hotspot_data_release(&metrics->data);
}

struct writing {
    const struct metrics_wish *wish;
    int64_t time;
    struct buffer *out;
    int result;
};

static void append(struct writing *writing, const struct monitor_metric *metric)
{
    if (writing->result == 0 && metrics_wish_has(writing->wish, metric->provider, metric->name))
        writing->result = monitor_metric(writing->out, writing->time, metric);
}

static void append_heap(struct writing *writing, const struct hotspot_data *data)
{
    double used = 0, capacity = 0;
    char name[64];

    for (int i = 0; i < GENERATIONS_MAX; i++) {
        (void)snprintf(name, sizeof name, "sun.gc.generation.%d.capacity", i); /* fit, both */
        capacity += (double)number(data, name);
        for (int k = 0; k < SPACES_MAX; k++) {
            (void)snprintf(name, sizeof name, "sun.gc.generation.%d.space.%d.used", i, k);
            used += (double)number(data, name);
        }
    }
    append(writing, &(struct monitor_metric){METRICS_JAVA_PROVIDER, "gc-heap-size", "GC Heap Size", "MB", "",
                                             used / MEGABYTE, false});
    append(writing, &(struct monitor_metric){METRICS_JAVA_PROVIDER, "gc-committed", "GC Committed Bytes",
                                             "MB", "", capacity / MEGABYTE, false});
    append(writing,
           &(struct monitor_metric){METRICS_JAVA_PROVIDER, "metaspace-size", "Metaspace Size", "MB", "",
                                    (double)number(data, "sun.gc.metaspace.used") / MEGABYTE, false});
}

/* A collector that nobody has named isn't there. */
static void append_collector(struct writing *writing, const struct hotspot_data *data, int which,
                             int64_t more)
{
    char name[64], collector[128], tags[160];

    (void)snprintf(name, sizeof name, "sun.gc.collector.%d.name", which); /* fit, both */
    if (hotspot_data_text(data, name, collector, sizeof collector) < 0)
        return;
    (void)snprintf(tags, sizeof tags, "collector=%s", collector);
    append(writing, &(struct monitor_metric){METRICS_JAVA_PROVIDER, "gc-count", "GC Count", "count", tags,
                                             more > 0 ? (double)more : 0, true});
}

int java_metrics_append(struct java_metrics *metrics, const struct metrics_wish *wish, int64_t time,
                        double passed_s, struct buffer *out)
{
    struct writing writing = {.wish = wish, .time = time, .out = out};
    struct hotspot_data *data = &metrics->data;
    struct java_collector now[JAVA_COLLECTORS_MAX];
    double ticks = 0, frequency;

    if (data->fd < 0 || hotspot_data_read(data) < 0)
        return 0;
    read_collectors(data, now);
    append_heap(&writing, data);
    for (int i = 0; i < JAVA_COLLECTORS_MAX; i++) {
        append_collector(&writing, data, i, now[i].count - metrics->before[i].count);
        ticks += (double)(now[i].ticks - metrics->before[i].ticks);
        metrics->before[i] = now[i];
    }
    frequency = (double)number(data, "sun.os.hrt.frequency");
    append(&writing,
           &(struct monitor_metric){
               METRICS_JAVA_PROVIDER, "time-in-gc", "% Time in GC", "%", "",
               frequency > 0 && ticks > 0 && passed_s > 0 ? 100 * ticks / frequency / passed_s : 0, false});
    append(&writing, &(struct monitor_metric){METRICS_JAVA_PROVIDER, "live-thread-count", "Live Threads", "",
                                              "", (double)number(data, "java.threads.live"), false});
    append(&writing, &(struct monitor_metric){METRICS_JAVA_PROVIDER, "loaded-class-count",
                                              "Number of Classes Loaded", "", "",
                                              (double)number(data, "java.cls.loadedClasses") +
                                                  (double)number(data, "java.cls.sharedLoadedClasses") -
                                                  (double)number(data, "java.cls.unloadedClasses") -
                                                  (double)number(data, "java.cls.sharedUnloadedClasses"),
                                              false});
    return writing.result;
}
