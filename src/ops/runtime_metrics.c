#include "base/limits.h"

#include "ops/runtime_metrics.h"

#include "base/clock.h"
#include "view/monitor.h"

#include <errno.h>
#include <string.h>

/* Only events that count as critical or have no level: counters have none, and what else a provider of that
 * name sends is not wanted. */
enum { LEVEL = 1, BUFFER_MIB = 4, PROVIDERS_MAX = METRICS_PROVIDERS_MAX + 3 };

static void add_provider(struct dotnet_provider *providers, size_t *count, const char *name,
                         const char *arguments)
{
    struct dotnet_provider *provider = &providers[*count];

    *provider = (struct dotnet_provider){
        .name = name, .level = LEVEL, .arguments = arguments, .buffer_mib = BUFFER_MIB};
    if (*count > 0)
        provider[-1].also = provider;
    (*count)++;
}

static int start(struct runtime_metrics *metrics, uint64_t interval_ms, uint64_t deadline_ms,
                 struct error *error)
{
    struct dotnet_provider providers[PROVIDERS_MAX];
    const struct metrics_wish *wish = metrics->wish;
    char arguments[64];
    size_t count = 0;

    (void)snprintf(arguments, sizeof arguments, "EventCounterIntervalSec=%llu.%03u",
                   (unsigned long long)(interval_ms / 1000), (unsigned)(interval_ms % 1000)); /* fits */
    for (size_t i = 0; i < wish->count; i++)
        add_provider(providers, &count, wish->providers[i].provider, arguments);
    for (const char *const *name = metrics_defaults; wish->has_defaults && *name; name++)
        if (!metrics_wish_names(wish, *name))
            add_provider(providers, &count, *name, arguments);
    return dotnet_session_start(&metrics->session, &metrics->dotnet, providers, deadline_ms, error);
}

static int take(void *to, const struct dotnet_counter *counter)
{
    struct runtime_metrics *metrics = to;
    const struct monitor_metric metric = {.provider = counter->provider,
                                          .name = counter->name,
                                          .display_name = counter->display_name,
                                          .unit =
                                              counter->is_rate && !*counter->unit ? "count" : counter->unit,
                                          .tags = counter->metadata,
                                          .value = counter->value,
                                          .is_rate = counter->is_rate};
    int r;

    if (!metrics_wish_has(metrics->wish, counter->provider, counter->name))
        return 0;
    buffer_clear(&metrics->text);
    r = monitor_metric(&metrics->text, clock_realtime_ns(), &metric);
    if (r < 0)
        return r == -ENOBUFS ? 0 : r; /* one with that much text is no metric */
    return sink_write(metrics->sink, metrics->text.data, metrics->text.size);
}

static int learn_kind(void *to, const struct dotnet_event *kind)
{
    return dotnet_counters_learn(&((struct runtime_metrics *)to)->counters, kind);
}

static int take_event(void *to, const struct dotnet_event *event)
{
    return dotnet_counters_take(&((struct runtime_metrics *)to)->counters, event);
}

int runtime_metrics_begin(struct runtime_metrics *metrics, const struct pidref *process,
                          const struct metrics_wish *wish, uint64_t interval_ms, uint64_t deadline_ms,
                          struct error *error)
{
    int r;

    *metrics = (struct runtime_metrics){.dotnet = DOTNET_INIT,
                                        .session = DOTNET_SESSION_INIT,
                                        .events = DOTNET_EVENTS_INIT,
                                        .counters = DOTNET_COUNTERS_INIT,
                                        .wish = wish,
                                        .text = BUFFER_INIT(LIMIT_DOTNET_COUNTER)};
    metrics->events.take = take_event;
    metrics->events.learn = learn_kind;
    metrics->events.to = metrics;
    metrics->counters.take = take;
    metrics->counters.to = metrics;
    r = dotnet_find(process, &metrics->dotnet, error);
    return r < 0 ? r : start(metrics, interval_ms, deadline_ms, error);
}

void runtime_metrics_release(struct runtime_metrics *metrics)
{
    dotnet_session_close(&metrics->session);
    dotnet_release(&metrics->dotnet);
    dotnet_events_release(&metrics->events);
    dotnet_counters_release(&metrics->counters);
    buffer_release(&metrics->text);
}

int runtime_metrics_read(struct runtime_metrics *metrics, uint64_t until_ms)
{
    enum { PIECE = 16384 };
    uint8_t bytes[PIECE];

    while (clock_monotonic_ms() < until_ms) { /* also of one that never pauses */
        ssize_t n = dotnet_session_read(&metrics->session, bytes, sizeof bytes, until_ms);
        int r;

        if (n == -ETIMEDOUT)
            break;
        if (n <= 0)
            return n == 0 || n == -ECONNRESET ? -ESRCH : (int)n;
        r = dotnet_events_feed(&metrics->events, bytes, (size_t)n);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Its clock is not ours: the last ones may be just about to come. */
int runtime_metrics_finish(struct runtime_metrics *metrics)
{
    enum { MOMENT_MS = 300, STOP_MS = 1000, LAST_MS = 2000 };
    uint64_t now_ms = clock_monotonic_ms();
    int r = runtime_metrics_read(metrics, now_ms + MOMENT_MS);

    if (r == 0)
        r = dotnet_session_stop(&metrics->session, now_ms + STOP_MS, NULL);
    return r < 0 ? r : runtime_metrics_read(metrics, now_ms + LAST_MS);
}
