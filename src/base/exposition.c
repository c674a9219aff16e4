#include "base/exposition.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const double histogram_latency[HISTOGRAM_BOUNDS] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                    0.5,   1,      2.5,   5,    10,    30,   60};
const double histogram_pause[HISTOGRAM_BOUNDS] = {
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5};

static void put(struct exposition *exposition, const char *text)
{
    if (exposition->error == 0)
        exposition->error = buffer_append_string(exposition->out, text);
}

static void put_escaped(struct exposition *exposition, const char *text)
{
    for (; *text; text++) {
        char one[2] = {*text, '\0'};

        if (*text == '\n')
            put(exposition, "\\n");
        else if (*text == '"')
            put(exposition, "\\\"");
        else
            put(exposition, *text == '\\' ? "\\\\" : one);
    }
}

void exposition_family(struct exposition *exposition, const char *name, const char *type, const char *help)
{
    if (exposition->error == 0)
        exposition->error =
            buffer_append_format(exposition->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* bound: the value of the label le; NULL: it has none. */
static void begin(struct exposition *exposition, const char *name, const char *suffix,
                  const struct exposition_label *labels, const char *bound)
{
    bool is_first = true;

    put(exposition, name);
    put(exposition, suffix);
    for (; labels && labels->name; labels++) {
        put(exposition, is_first ? "{" : ",");
        put(exposition, labels->name);
        put(exposition, "=\"");
        put_escaped(exposition, labels->value);
        put(exposition, "\"");
        is_first = false;
    }
    if (bound) {
        put(exposition, is_first ? "{le=\"" : ",le=\"");
        put(exposition, bound);
        put(exposition, "\"");
        is_first = false;
    }
    put(exposition, is_first ? " " : "} ");
}

static void put_count(struct exposition *exposition, uint64_t value)
{
    if (exposition->error == 0)
        exposition->error = buffer_append_format(exposition->out, "%" PRIu64 "\n", value);
}

static void put_double(struct exposition *exposition, double value)
{
    if (exposition->error == 0)
        exposition->error = buffer_append_format(exposition->out, "%.15g\n", value);
}

void exposition_count(struct exposition *exposition, const char *name, const struct exposition_label *labels,
                      uint64_t value)
{
    begin(exposition, name, "", labels, NULL);
    put_count(exposition, value);
}

void exposition_double(struct exposition *exposition, const char *name, const struct exposition_label *labels,
                       double value)
{
    begin(exposition, name, "", labels, NULL);
    put_double(exposition, value);
}

void histogram_add(struct histogram *histogram, const double bounds[HISTOGRAM_BOUNDS], uint64_t ns)
{
    double seconds = (double)ns / 1e9;
    size_t at = 0;

    while (at < HISTOGRAM_BOUNDS && seconds > bounds[at])
        at++;
    (void)atomic_fetch_add_explicit(&histogram->counts[at], 1, memory_order_relaxed); /* what it was before */
    (void)atomic_fetch_add_explicit(&histogram->sum_ns, ns, memory_order_relaxed);
}

uint64_t histogram_total(const struct histogram *histogram)
{
    uint64_t total = 0;

    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
        total += atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
    return total;
}

void exposition_histogram(struct exposition *exposition, const char *name,
                          const struct exposition_label *labels, const double bounds[HISTOGRAM_BOUNDS],
                          const struct histogram *histogram)
{
    uint64_t total = 0;
    char bound[32];

    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        total += atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
        if (i < HISTOGRAM_BOUNDS)
            (void)snprintf(bound, sizeof bound, "%g", bounds[i]); /* fits */
        begin(exposition, name, "_bucket", labels, i < HISTOGRAM_BOUNDS ? bound : "+Inf");
        put_count(exposition, total);
    }
    begin(exposition, name, "_sum", labels, NULL);
    put_double(exposition, (double)atomic_load_explicit(&histogram->sum_ns, memory_order_relaxed) / 1e9);
    begin(exposition, name, "_count", labels, NULL);
    put_count(exposition, total);
}
