/* What the front has answered, counted by route. */
#pragma once

#include "base/exposition.h"
#include "http/router.h"
#include "http/server.h"

enum { HTTP_METRICS_ROUTES = 256, HTTP_METRICS_STATUSES = 24 };

struct http_metrics_route {
    enum http_method method;
    const char *root; /* NULL: what has no route */
    const struct route *route;
    uint64_t statuses[HTTP_METRICS_STATUSES];
    struct histogram latency;
};

/* All zeros is none yet. */
struct http_metrics {
    struct http_metrics_route *items; /* owned; HTTP_METRICS_ROUTES once there is one */
    size_t count;
    uint64_t cut, left_out;
    int64_t started; /* seconds since 1970; set before the first call */
};

void http_metrics_release(struct http_metrics *metrics);
void http_metrics_add(struct http_metrics *metrics, const struct http_record *record);
void http_metrics_write(const struct http_metrics *metrics, struct exposition *exposition);
