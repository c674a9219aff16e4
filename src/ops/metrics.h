/* What the service has done, counted: by the inspector alone, in memory that its workers read.
 * docs/METRICS.md */
#pragma once

#include "base/exposition.h"
#include "ops/operation.h"

enum { METRICS_OPERATIONS_MAX = 64, METRICS_RESULTS_MAX = 16 };

/* What is just now; a kind of workers each. */
enum metrics_kind {
    METRICS_KEPT,
    METRICS_DUMPS,
    METRICS_PROFILES,
    METRICS_STOPS,
    METRICS_WATCHES,
    METRICS_KINDS
};

struct metrics {
    _Atomic uint64_t operations[METRICS_OPERATIONS_MAX][METRICS_RESULTS_MAX]; /* by place in the table */
    _Atomic uint64_t bytes;                                                   /* of answers' bodies */
    _Atomic uint64_t workers_started, workers_lost; /* lost: ended by a signal, by themselves or by us */
    struct histogram pauses;                        /* for how long targets were held */
    _Atomic uint64_t waiting;                       /* light operations, for a worker */
    _Atomic uint64_t places[METRICS_KINDS], busy[METRICS_KINDS];
};

/* result: 0 or a negative errno. metrics may be NULL, as everywhere here: nobody counts. */
void metrics_operation(struct metrics *metrics, const struct operation *table,
                       const struct operation *operation, int result);
/* pause_us < 0: none was held. */
void metrics_answer(struct metrics *metrics, uint64_t bytes, int64_t pause_us);
