/* Metrics that a .NET runtime publishes of itself, read as they come. Of the stream nothing is kept but what
 * is not whole yet. */
#pragma once

#include "ops/metrics_wish.h"
#include "runtime/dotnet_counters.h"
#include "runtime/dotnet_session.h"
#include "stream/sink.h"

struct runtime_metrics {
    struct dotnet dotnet;
    struct dotnet_session session; /* fd -1: there is none */
    struct dotnet_events events;
    struct dotnet_counters counters;
    const struct metrics_wish *wish; /* borrowed */
    struct sink *sink;               /* borrowed; set before the first read */
    struct buffer text;
};

/* Asks the process's runtime for what is wished, every so many seconds. Errors, with a sentence: those of
 * dotnet_find and dotnet_session_start. To be released whatever comes. */
int runtime_metrics_begin(struct runtime_metrics *metrics, const struct pidref *process,
                          const struct metrics_wish *wish, uint64_t interval_ms, uint64_t deadline_ms,
                          struct error *error) _must_check_;
void runtime_metrics_release(struct runtime_metrics *metrics);
#define _cleanup_runtime_metrics_ _cleanup_(runtime_metrics_release)

/* Sends on what comes until then. -ESRCH: the runtime has ended; or what the sink said. */
int runtime_metrics_read(struct runtime_metrics *metrics, uint64_t until_ms) _must_check_;
/* Ends it, with what it still has to tell. Likewise. */
int runtime_metrics_finish(struct runtime_metrics *metrics) _must_check_;
