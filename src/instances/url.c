#include "instances/url.h"

#include "base/parse.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

/* Behind "http://". 0: it is no such address. */
static size_t scheme_size(const char *text, size_t size)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t length = strlen(schemes[i]);
        if (size > length && strncasecmp(text, schemes[i], length) == 0)
            return length;
    }
    return 0;
}

/* Of the host and its brackets. */
static size_t host_size(const char *text, size_t size)
{
    size_t i = 0;

    if (size > 0 && text[0] == '[') {
        char address[INET6_ADDRSTRLEN];
        struct in6_addr parsed;
        const char *end = memchr(text, ']', size);
        size_t length = end ? (size_t)(end - text) - 1 : 0;
        if (length == 0 || length >= sizeof address)
            return 0;
        memcpy(address, text + 1, length);
        address[length] = 0;
        return inet_pton(AF_INET6, address, &parsed) == 1 ? length + 2 : 0;
    }
    while (i < size &&
           (isalnum((unsigned char)text[i]) || text[i] == '.' || text[i] == '-' || text[i] == '_'))
        i++;
    return i;
}

/* ":PORT", as far as there is one. -1: a bad one. */
static int port_size(const char *text, size_t size)
{
    unsigned port = 0;
    size_t i = 1;

    if (size == 0 || text[0] != ':')
        return 0;
    for (; i < size && isdigit((unsigned char)text[i]) && i < 7; i++)
        port = port * 10 + (unsigned)(text[i] - '0');
    return i == 1 || port == 0 || port > 65535 ? -1 : (int)i;
}

bool url_is_valid(const char *text, size_t size)
{
    size_t at = scheme_size(text, size), host;
    int port;

    if (at == 0 || size >= URL_SIZE || memchr(text, 0, size))
        return false;
    host = host_size(text + at, size - at);
    if (host == 0)
        return false;
    at += host;
    port = port_size(text + at, size - at);
    if (port < 0)
        return false;
    at += (size_t)port;
    if (at < size && text[at] != '/')
        return false;
    for (; at < size; at++) {
        unsigned char c = (unsigned char)text[at];
        if (c >= 0x80 || (!isalnum(c) && !strchr("/._~-", c)))
            return false;
        if (c == '.' && text[at - 1] == '/') /* no way up, and no two spellings */
            return false;
    }
    return true;
}

bool url_is_https(const char *url)
{
    return strncasecmp(url, "https://", 8) == 0;
}

static const char *host_of(const char *url)
{
    return strstr(url, "://") + 3;
}

bool url_is_loopback(const char *url)
{
    const char *host = host_of(url);
    size_t size = host_size(host, strlen(host));
    char text[URL_SIZE];
    struct in_addr four;
    struct in6_addr six;

    if (host[0] == '[') {
        memcpy(text, host + 1, size - 2);
        text[size - 2] = 0;
        return inet_pton(AF_INET6, text, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
    }
    memcpy(text, host, size);
    text[size] = 0;
    if (strcasecmp(text, "localhost") == 0)
        return true;
    return inet_pton(AF_INET, text, &four) == 1 && ntohl(four.s_addr) >> 24 == 127;
}

const char *url_path(const char *url)
{
    const char *host = host_of(url);

    return host + strcspn(host, "/");
}

void url_port(const char *url, char ret_port[6])
{
    const char *port = host_of(url);

    port += host_size(port, strlen(port));
    if (*port == ':')
        (void)snprintf(ret_port, 6, "%.*s", (int)strcspn(port + 1, "/"), port + 1); /* fits: up to 65535 */
    else
        (void)snprintf(ret_port, 6, "%s", url_is_https(url) ? "443" : "80"); /* fits */
}
