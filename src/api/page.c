#include "api/page.h"

#include "api/assets.h"
#include "api/kudu.h"
#include "api/site.h"
#include "ops/operation.h"

#include <string.h>

static int append_escaped(struct buffer *out, const char *text)
{
    int r = 0;

    for (; *text && r == 0; text++) {
        if (strchr("<>&\"'", *text))
            r = buffer_append_format(out, "&#%d;", *text);
        else
            r = buffer_append(out, text, 1);
    }
    return r;
}

/* Links lead to the service itself (id 0); a part that can't be guessed makes no link. */
static int append_path(const char *prefix, const struct route *route, struct buffer *out)
{
    _cleanup_buffer_ struct buffer shown = {0}, link = {0};
    const char *cursor = route->pattern;
    struct route_part part;
    bool is_link = route->method == HTTP_GET;
    int r = buffer_append_string(&shown, kudu_roots[0]);

    if (r == 0)
        r = append_escaped(&link, prefix);
    if (r == 0)
        r = buffer_append_string(&link, kudu_roots[0]);
    while (r == 0 && route_part_next(&cursor, &part)) {
        const char *example = part.kind == CAPTURE_TEXT ? "all" : "0";
        if (part.is_variable && (part.kind == CAPTURE_HEX || part.size != 2) && part.kind != CAPTURE_TEXT)
            is_link = false;
        r = buffer_append_format(&shown, part.is_variable ? "/{%.*s}" : "/%.*s", (int)part.size, part.text);
        if (r == 0)
            r = part.is_variable ? buffer_append_format(&link, "/%s", example)
                                 : buffer_append_format(&link, "/%.*s", (int)part.size, part.text);
    }
    if (r < 0)
        return r;
    if (is_link)
        return buffer_append_format(out, "<a href=\"%s\"><code>%s</code></a>", link.data, shown.data);
    return buffer_append_format(out, "<code>%s</code>", shown.data);
}

static int append_route(const char *prefix, const struct route *route, struct buffer *out)
{
    const struct operation *operation = operation_find(route->name);
    const char *name = route->method == HTTP_POST ? "post" : route->method == HTTP_DELETE ? "delete" : "get";
    const char *shown = route->method == HTTP_POST ? "POST" : route->method == HTTP_DELETE ? "DELETE" : "GET";
    int r;

    if (!operation)
        return 0;
    r = buffer_append_format(out, "<tr><td><b class=\"%s\">%s</b></td><td>", name, shown);
    if (r == 0)
        r = append_path(prefix, route, out);
    if (r == 0)
        r = buffer_append_string(out, "</td><td>");
    if (r == 0)
        r = append_escaped(out, operation->summary);
    return r < 0 ? r : buffer_append_string(out, "</td></tr>\n");
}

static int append_head(const struct config *config, struct buffer *out)
{
    int r = buffer_append_format(out,
                                 "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                                 "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                                 "<title>procscope</title><style>%s</style></head>\n<body><main>"
                                 "<h1>procscope<small>",
                                 asset_page_css);
    if (r == 0)
        r = append_escaped(out, config->machine_name);
    if (r == 0)
        r = buffer_append_string(out, "</small></h1>\n<p>What the processes of this machine are doing: "
                                      "lists, details, threads, modules, "
                                      "environments and dumps, over the process API of Kudu.</p>\n");
    if (r == 0 && !site_is_there())
        r = buffer_append_string(out,
                                 "<p>The live page was left out of this program, since npm was missing when "
                                 "it was built. All else is there.</p>\n");
    if (r == 0)
        r = buffer_append_string(out, "<section><h2>Processes</h2><table>\n");
    return r;
}

static int append_own(const char *prefix, struct buffer *out)
{
    static const char *const own[][2] = {
        {"/openapi.json", "All routes, arguments and answers, described for programs"},
        {"/healthz", "Does the service answer"},
    };
    int r = buffer_append_string(out, "</table></section>\n<section><h2>The service</h2><table>\n");

    for (size_t i = 0; i < ELEMENTS_OF(own) && r == 0; i++) {
        r = buffer_append_string(out, "<tr><td><b class=\"get\">GET</b></td><td><a href=\"");
        if (r == 0)
            r = append_escaped(out, prefix);
        if (r == 0)
            r = buffer_append_format(out, "%s\"><code>%s</code></a></td><td>%s</td></tr>\n", own[i][0],
                                     own[i][0], own[i][1]);
    }
    return r;
}

int page_write(const struct config *config, const char *prefix, struct buffer *out)
{
    int r = append_head(config, out);

    for (const struct route *route = kudu_routes; route->name && r == 0; route++)
        r = append_route(prefix, route, out);
    if (r == 0)
        r = append_own(prefix, out);
    if (r == 0)
        r = buffer_append_string(out, "</table></section>\n<footer>procscope " PROCSCOPE_VERSION
                                      ". Links show the service itself (id 0); -1 is the main "
                                      "process.</footer></main></body></html>\n");
    return r;
}

const char *page_policy(void)
{
    static char policy[160];

    if (!policy[0])
        (void)snprintf(policy, sizeof policy,
                       "default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'; "
                       "frame-ancestors 'none'",
                       asset_page_css_sha256); /* fits: a digest has one length */
    return policy;
}
