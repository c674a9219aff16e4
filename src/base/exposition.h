/* Figures for Prometheus: its text format, version 0.0.4. */
#pragma once

#include "base/buffer.h"

#include <stdatomic.h>

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct exposition {
    struct buffer *out; /* borrowed */
    int error;          /* the first failure */
};

struct exposition_label {
    const char *name, *value;
};

/* HELP and TYPE, before the values of one name. type: "counter", "gauge", "histogram". */
void exposition_family(struct exposition *exposition, const char *name, const char *type, const char *help);
/* labels end with a NULL name; NULL: none. */
void exposition_count(struct exposition *exposition, const char *name, const struct exposition_label *labels,
                      uint64_t value);
void exposition_double(struct exposition *exposition, const char *name, const struct exposition_label *labels,
                       double value);

/* How long something took, by bounds; one writer, any readers. All zeros is an empty one. */
enum { HISTOGRAM_BOUNDS = 15 };
struct histogram {
    _Atomic uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* the last: beyond all bounds */
    _Atomic uint64_t sum_ns;
};
extern const double histogram_latency[HISTOGRAM_BOUNDS]; /* of requests: 1 ms to 1 min, in seconds */
extern const double histogram_pause[HISTOGRAM_BOUNDS];   /* of targets: 50 us to 5 s */

void histogram_add(struct histogram *histogram, const double bounds[HISTOGRAM_BOUNDS], uint64_t ns);
uint64_t histogram_total(const struct histogram *histogram);
void exposition_histogram(struct exposition *exposition, const char *name,
                          const struct exposition_label *labels, const double bounds[HISTOGRAM_BOUNDS],
                          const struct histogram *histogram);
