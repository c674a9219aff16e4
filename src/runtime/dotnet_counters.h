/* Figures that a .NET runtime, or its program, publishes of itself every few seconds: EventCounters, which
 * are events of their provider. Each kind of event says which fields it has, so nothing is known of their
 * order here.
 *
 * Form of the kinds: microsoft/perfview src/TraceEvent/EventPipe/NetTraceFormat_v5.md; of the events:
 * dotnet/runtime System/Diagnostics/Tracing/CounterPayload.cs. */
#pragma once

#include "runtime/dotnet_events.h"

struct dotnet_counter {
    const char *provider, *name, *display_name, *unit, *metadata; /* UTF-8; "" what it doesn't say */
    double value; /* finite: a mean of the time since the last one, or, of a rate, what was added in it */
    bool is_rate;
};

struct dotnet_counters {
    /* Returns 0 or a negative errno, which ends the reading; what is pointed to is gone afterwards. Set both
     * before the first event. */
    int (*take)(void *to, const struct dotnet_counter *counter);
    void *to;
    /* private */
    struct counter_kind *kinds;
    size_t kind_count;
    struct buffer text; /* of one event */
};

#define DOTNET_COUNTERS_INIT ((struct dotnet_counters){.text = BUFFER_INIT(LIMIT_DOTNET_COUNTER)})

void dotnet_counters_release(struct dotnet_counters *counters);
#define _cleanup_dotnet_counters_ _cleanup_(dotnet_counters_release)

/* For dotnet_events' learn and take, with the counters as `to`. What is no counter, or can't be read, is
 * passed over. -ENOMEM, or what take said. */
int dotnet_counters_learn(void *counters, const struct dotnet_event *kind) _must_check_;
int dotnet_counters_take(void *counters, const struct dotnet_event *event) _must_check_;
