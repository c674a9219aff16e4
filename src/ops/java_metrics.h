/* What a HotSpot virtual machine says of its heap and its collections in its performance data, as metrics: it
 * isn't asked. */
#pragma once

#include "ops/metrics_wish.h"
#include "runtime/hotspot_data.h"

enum { JAVA_COLLECTORS_MAX = 8 };

struct java_metrics {
    struct hotspot_data data; /* fd -1: there is none */
    struct java_collector {
        int64_t count, ticks; /* as they were told last */
    } before[JAVA_COLLECTORS_MAX];
};

#define JAVA_METRICS_INIT ((struct java_metrics){.data = HOTSPOT_DATA_INIT})

/* For a process that may be of any language, and hang: then there is none. */
void java_metrics_open(struct java_metrics *metrics, const struct pidref *process);
void java_metrics_release(struct java_metrics *metrics);
#define _cleanup_java_metrics_ _cleanup_(java_metrics_release)

/* Appends those that are wished. passed_s: since they were told last. time: ns since 1970. */
int java_metrics_append(struct java_metrics *metrics, const struct metrics_wish *wish, int64_t time,
                        double passed_s, struct buffer *out) _must_check_;
