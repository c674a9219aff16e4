/* Which metrics a client of dotnet-monitor wants: those of the default providers, and what the body of its
 * POST names (EventMetricsConfiguration). */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { METRICS_PROVIDERS_MAX = 32, METRICS_NAMES_MAX = 256 };

struct metrics_wish {
    bool has_defaults;
    size_t count; /* of those that are named, all different */
    struct wished_metrics {
        const char *provider;
        const struct json_t *names; /* strings; NULL: all */
    } providers[METRICS_PROVIDERS_MAX];
    struct json_t *root; /* private: what is pointed to */
};

/* dotnet-monitor's own: EventCounters of these. */
extern const char *const metrics_defaults[]; /* ends with NULL */
/* Ours, of processes of every language, beside what is called as .NET's; and of Java (java_metrics.h). */
#define METRICS_OWN_PROVIDER "procscope"
#define METRICS_JAVA_PROVIDER "java"

/* body: JSON; NULL: only the defaults. -EINVAL with a sentence. */
int metrics_wish_read(const char *body, struct metrics_wish *ret_wish, struct error *error) _must_check_;
void metrics_wish_release(struct metrics_wish *wish);
#define _cleanup_metrics_wish_ _cleanup_(metrics_wish_release)

bool metrics_wish_has(const struct metrics_wish *wish, const char *provider, const char *name);
/* Whether it names one that only a program itself could have. */
bool metrics_wish_needs_runtime(const struct metrics_wish *wish);
/* Whether it was named; the defaults are not. */
bool metrics_wish_names(const struct metrics_wish *wish, const char *provider);
