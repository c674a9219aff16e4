#include "cmd/route.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const struct route {
    const char *operation, *method;
    const char
        *pattern; /* behind /api/processes: %i the id, %c the child, %x the child in hex, %f the filter */
} routes[] = {
    {"list", "GET", ""},
    {"show", "GET", "/%i"},
    {"threads", "GET", "/%i/threads"},
    {"thread", "GET", "/%i/threads/%c"},
    {"stacks", "GET", "/%i/stacks"},
    {"stack", "GET", "/%i/threads/%c/stack"},
    {"profile", "GET", "/%i/profile"},
    {"modules", "GET", "/%i/modules"},
    {"module", "GET", "/%i/modules/%x"},
    {"environment", "GET", "/%i/environments/%f"},
    {"memory", "GET", "/%i/memory"},
    {"handles", "GET", "/handles"},
    {"stop", "DELETE", "/%i"},
    {"dump", "GET", "/%i/dump"},
    {"gcdump", "GET", "/%i/gcdump"},
    {"heap", "GET", "/%i/heap"},
    {"heapdump", "GET", "/%i/heapdump"},
    {"doctor", "GET", "/%i/doctor"},
    {"instances", "GET", NULL}, /* /api/instances */
};

/* RFC 3986: what is not unreserved is written as %XX. */
static int append_encoded(struct buffer *out, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    int r = 0;
    for (; *text && r >= 0; text++)
        r = strchr(plain, *text) ? buffer_append(out, text, 1)
                                 : buffer_append_format(out, "%%%02X", (unsigned char)*text);
    return r;
}

static int append_pattern(struct buffer *out, const char *pattern, const struct request *request)
{
    int r = 0;
    for (; *pattern && r >= 0; pattern++) {
        if (*pattern != '%') {
            r = buffer_append(out, pattern, 1);
            continue;
        }
        const char *filter = fields_get(&request->arguments, "filter");
        switch (*++pattern) {
        case 'i':
            r = buffer_append_format(out, "%" PRId64, request->id);
            break;
        case 'c':
            r = buffer_append_format(out, "%" PRId64, request->child);
            break;
        case 'x':
            r = buffer_append_format(out, "%" PRIx64, (uint64_t)request->child);
            break;
        default:
            r = append_encoded(out, filter && *filter ? filter : "all");
        }
    }
    return r;
}

int route_of(const struct request *request, const char **ret_method, struct buffer *path)
{
    const struct route *route = NULL;
    for (size_t i = 0; i < ELEMENTS_OF(routes); i++)
        if (strcmp(routes[i].operation, request->operation) == 0)
            route = &routes[i];
    if (!route)
        return -EOPNOTSUPP;
    int r = buffer_append_string(path, route->pattern ? "/api/processes" : "/api/instances");
    if (r >= 0 && route->pattern)
        r = append_pattern(path, route->pattern, request);
    const char *separator = "?";
    for (size_t i = 0; i < request->arguments.count && r >= 0; i++) {
        const struct field *argument = &request->arguments.items[i];
        if (strcmp(argument->name, "filter") == 0)
            continue; /* it stands in the path */
        r = buffer_append_string(path, separator);
        if (r >= 0)
            r = append_encoded(path, argument->name);
        if (r >= 0)
            r = buffer_append_string(path, "=");
        if (r >= 0)
            r = append_encoded(path, argument->value);
        separator = "&";
    }
    if (r >= 0)
        *ret_method = route->method;
    return r;
}
