#include "http/origin.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

enum { HOST_MAX = 255 };

bool host_is_valid(const char *host)
{
    size_t size = strlen(host);

    if (size == 0 || size > HOST_MAX)
        return false;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)host[i];
        if (c >= 0x80 || (!isalnum(c) && !strchr(".-_:[]", c)))
            return false;
    }
    return true;
}

/* Copies the name without its port and brackets. */
static void without_port(const char *host, char name[HOST_MAX + 1])
{
    size_t size;

    if (*host == '[') {
        host++;
        size = strcspn(host, "]");
    } else {
        size = strcspn(host, ":");
    }
    if (size > HOST_MAX)
        size = HOST_MAX;
    memcpy(name, host, size);
    if (size > 0 && name[size - 1] == '.') /* a fully qualified name is the same name */
        size--;
    name[size] = 0;
}

bool host_is_local(const char *host, const char *own_name)
{
    char name[HOST_MAX + 1];
    struct in6_addr address;
    size_t size;

    without_port(host, name);
    size = strlen(name);
    if (strcasecmp(name, "localhost") == 0)
        return true;
    if (size > 10 && strcasecmp(name + size - 10, ".localhost") == 0)
        return true;
    if (inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1)
        return true;
    return own_name && *own_name && strcasecmp(name, own_name) == 0;
}

static bool is_same_origin(const char *origin, const char *host)
{
    if (strncasecmp(origin, "http://", 7) == 0)
        origin += 7;
    else if (strncasecmp(origin, "https://", 8) == 0) /* TLS may end in front of us */
        origin += 8;
    else
        return false; /* "null" among them: a sandboxed frame, a file */
    return host && strcasecmp(origin, host) == 0;
}

bool origin_is_foreign_site(const char *fetch_site)
{
    return fetch_site && (strcmp(fetch_site, "cross-site") == 0 || strcmp(fetch_site, "same-site") == 0);
}

/* A link to us from elsewhere may be followed; pictures, scripts and fetches of other sites may not, nor what
 * a page has in a frame, which navigates, too. */
static bool is_followed_link(const struct request_origin *request)
{
    return request->reads_only && request->fetch_mode && strcmp(request->fetch_mode, "navigate") == 0 &&
           (!request->fetch_dest || strcmp(request->fetch_dest, "document") == 0);
}

int request_origin_check(const struct request_origin *request, const char *own_name, struct error *error)
{
    if (request->host && !host_is_valid(request->host))
        return error_set(error, EINVAL, "The Host header is not a host name.");
    if (request->loopback && request->host && !host_is_local(request->host, own_name))
        return error_set(
            error, EACCES,
            "This service listens for this machine only, where it answers to localhost and IP addresses "
            "and not to the Host '%s'.",
            request->host);
    if (request->is_allowed)
        return 0;
    if (request->origin && !is_same_origin(request->origin, request->host))
        return error_set(error, EACCES, "Requests from web pages of another origin are refused.");
    if (origin_is_foreign_site(request->fetch_site) && !is_followed_link(request))
        return error_set(error, EACCES, "Requests from web pages of another site are refused.");
    return 0;
}
