#include "instances/self_url.h"

#include <errno.h>
#include <string.h>

static bool is_wildcard(const char *url)
{
    const char *host = strstr(url, "://") + 3;

    return strncmp(host, "0.0.0.0", 7) == 0 || strncmp(host, "[::]", 4) == 0;
}

static int with_host(const char *url, const char *address, const char *path_prefix, char ret_url[URL_SIZE])
{
    bool is_six = strchr(address, ':');
    char port[6], text[URL_SIZE];
    int size;

    url_port(url, port);
    size = snprintf(text, sizeof text, "%s://%s%s%s:%s%s", url_is_https(url) ? "https" : "http",
                    is_six ? "[" : "", address, is_six ? "]" : "", port, path_prefix);
    if (size < 0 || size >= URL_SIZE || !url_is_valid(text, (size_t)size))
        return -ENOENT;
    memcpy(ret_url, text, (size_t)size + 1);
    return 0;
}

int self_url_find(const struct listeners *listeners, const char *local_address, const char *path_prefix,
                  char ret_url[URL_SIZE])
{
    bool is_local = strncmp(local_address, "127.", 4) == 0 || strcmp(local_address, "::1") == 0;
    const struct listener *wildcard = NULL, *loopback = NULL;

    for (size_t i = 0; i < listeners->count; i++) {
        const struct listener *listener = &listeners->items[i];
        int size;

        if (listener->is_unix)
            continue;
        if (listener->loopback) {
            loopback = loopback ? loopback : listener;
        } else if (is_wildcard(listener->url)) {
            wildcard = wildcard ? wildcard : listener;
        } else {
            char text[URL_SIZE];
            size = snprintf(text, sizeof text, "%s%s", listener->url, path_prefix);
            if (size > 0 && size < URL_SIZE && url_is_valid(text, (size_t)size)) {
                memcpy(ret_url, text, (size_t)size + 1);
                return 0;
            }
        }
    }
    if (wildcard && *local_address)
        return with_host(wildcard->url, local_address, path_prefix, ret_url);
    if (loopback && is_local) {
        int size = snprintf(ret_url, URL_SIZE, "%s%s", loopback->url, path_prefix);
        return size > 0 && size < URL_SIZE ? 0 : -ENOENT;
    }
    return -ENOENT;
}
