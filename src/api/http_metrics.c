#include "api/http_metrics.h"

#include <stdlib.h>
#include <string.h>

/* Those that we give. What is none of them is counted as the last. */
static const unsigned statuses[] = {200, 204, 304, 308, 400, 401, 403, 404, 405,
                                    409, 413, 414, 429, 500, 501, 503, 504, 0};

void http_metrics_release(struct http_metrics *metrics)
{
    free(metrics->items);
    metrics->items = NULL;
}

static size_t place_of(unsigned status)
{
    size_t at = 0;

    while (at + 1 < ELEMENTS_OF(statuses) && statuses[at] != status)
        at++;
    return at;
}

static struct http_metrics_route *find(struct http_metrics *metrics, const struct http_record *record)
{
    const char *root = record->route ? record->root : NULL; /* what has no route is all one */

    for (size_t i = 0; i < metrics->count; i++) {
        struct http_metrics_route *item = &metrics->items[i];

        if (item->route == record->route && item->root == root && item->method == record->method)
            return item;
    }
    if (!metrics->items)
        metrics->items = calloc(HTTP_METRICS_ROUTES, sizeof *metrics->items);
    if (!metrics->items || metrics->count == HTTP_METRICS_ROUTES)
        return NULL;
    metrics->items[metrics->count] =
        (struct http_metrics_route){.method = record->method, .root = root, .route = record->route};
    return &metrics->items[metrics->count++];
}

void http_metrics_add(struct http_metrics *metrics, const struct http_record *record)
{
    struct http_metrics_route *item = find(metrics, record);

    metrics->cut += record->is_cut;
    if (!item) {
        metrics->left_out++;
        return;
    }
    item->statuses[place_of(record->status)]++;
    histogram_add(&item->latency, histogram_latency, record->took_ns);
}

/* Each another: two rows with the same labels would make all figures unreadable. */
static const char *method_name(enum http_method method)
{
    switch (method) {
    case HTTP_GET:
        return "GET";
    case HTTP_HEAD:
        return "HEAD";
    case HTTP_POST:
        return "POST";
    case HTTP_PUT:
        return "PUT";
    case HTTP_DELETE:
        return "DELETE";
    case HTTP_OPTIONS:
        return "OPTIONS";
    case HTTP_OTHER:
        break;
    }
    return "other";
}

/* The route without the kinds of its parts: /api/processes/{id}/dump. */
static int route_text(const struct http_metrics_route *item, struct buffer *out)
{
    const char *pattern = item->route ? item->route->pattern : "";
    struct route_part part;
    int r = buffer_append_string(out, item->route ? item->root : "none");

    while (r == 0 && route_part_next(&pattern, &part))
        r = buffer_append_format(out, part.is_variable ? "/{%.*s}" : "/%.*s", (int)part.size, part.text);
    if (r == 0 && out->size == 0)
        r = buffer_append_string(out, "/");
    return r;
}

static void write_statuses(struct exposition *exposition, const struct http_metrics_route *item,
                           const char *route)
{
    for (size_t i = 0; i < ELEMENTS_OF(statuses); i++) {
        char code[16] = "none";
        const struct exposition_label labels[] = {
            {"method", method_name(item->method)}, {"route", route}, {"code", code}, {0}};

        if (item->statuses[i] == 0)
            continue;
        if (statuses[i] != 0)
            (void)snprintf(code, sizeof code, "%u", statuses[i]); /* fits */
        exposition_count(exposition, "procscope_http_requests_total", labels, item->statuses[i]);
    }
}

static void write_routes(const struct http_metrics *metrics, struct exposition *exposition, bool latency)
{
    for (size_t i = 0; i < metrics->count && exposition->error == 0; i++) {
        const struct http_metrics_route *item = &metrics->items[i];
        _cleanup_buffer_ struct buffer route = {0};
        int r = route_text(item, &route);
        const struct exposition_label labels[] = {
            {"method", method_name(item->method)}, {"route", buffer_string(&route)}, {0}};

        if (r < 0)
            exposition->error = r;
        else if (latency)
            exposition_histogram(exposition, "procscope_http_request_duration_seconds", labels,
                                 histogram_latency, &item->latency);
        else
            write_statuses(exposition, item, route.data);
    }
}

void http_metrics_write(const struct http_metrics *metrics, struct exposition *exposition)
{
    exposition_family(exposition, "procscope_http_requests_total", "counter",
                      "Requests that are over, by route and status; none: they had no answer.");
    write_routes(metrics, exposition, false);
    exposition_family(exposition, "procscope_http_request_duration_seconds", "histogram",
                      "From a request's first byte to its answer's last.");
    write_routes(metrics, exposition, true);
    exposition_family(exposition, "procscope_http_answers_cut_total", "counter",
                      "Answers that were not sent whole.");
    exposition_count(exposition, "procscope_http_answers_cut_total", NULL, metrics->cut);
    exposition_family(exposition, "procscope_http_requests_left_out_total", "counter",
                      "Requests that could not be counted by route.");
    exposition_count(exposition, "procscope_http_requests_left_out_total", NULL, metrics->left_out);
    exposition_family(exposition, "procscope_http_start_time_seconds", "gauge",
                      "When the network side started, since 1970: what it counts begins anew then.");
    exposition_count(exposition, "procscope_http_start_time_seconds", NULL, (uint64_t)metrics->started);
}
