#include "instances/registry_config.h"

#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

void registry_config_release(struct registry_config *registry)
{
    free(registry->urls);
    *registry = (struct registry_config){0};
}

static int bad(struct error *error, const char *what)
{
    return error_set(error, EINVAL,
                     "registry = '%.200s' is none of static:URL[,URL...], dns:NAME:PORT and "
                     "etcd:URL[,URL...]/PREFIX, with URLs such as http://10.0.0.1:7420.",
                     what);
}

/* URLs with commas between. */
static int take_urls(const char *text, size_t size, struct registry_config *registry)
{
    size_t at = 0;

    registry->urls = calloc(REGISTRY_URLS_MAX, sizeof *registry->urls);
    if (!registry->urls)
        return -ENOMEM;
    while (at <= size) {
        const char *comma = memchr(text + at, ',', size - at);
        size_t length = comma ? (size_t)(comma - text) - at : size - at;
        char *url = registry->urls[registry->url_count];

        if (registry->url_count == REGISTRY_URLS_MAX || !url_is_valid(text + at, length))
            return -EINVAL;
        memcpy(url, text + at, length);
        while (length > 0 && url[length - 1] == '/')
            length--;
        url[length] = 0;
        registry->url_count++;
        at += (comma ? (size_t)(comma - text) - at : size - at) + 1;
    }
    return 0;
}

/* The path of the last URL is the prefix of the keys. */
static int take_etcd(const char *text, struct registry_config *registry)
{
    const char *last = strrchr(text, ',');
    const char *scheme = strstr(last ? last : text, "://"), *path;
    size_t size;

    if (!scheme)
        return -EINVAL;
    path = scheme + 3 + strcspn(scheme + 3, "/");
    size = strlen(path);
    while (size > 0 && path[size - 1] == '/')
        size--;
    if (size >= sizeof registry->prefix)
        return -EINVAL;
    memcpy(registry->prefix, size > 0 ? path : "/procscope", size > 0 ? size : sizeof "/procscope");
    for (const char *c = registry->prefix; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("/._-", *c))
            return -EINVAL;
    return take_urls(text, (size_t)(path - text), registry);
}

static int take_dns(const char *text, struct registry_config *registry)
{
    const char *colon = strrchr(text, ':');
    size_t size = colon ? (size_t)(colon - text) : 0;
    uint64_t port;

    if (size == 0 || size >= sizeof registry->name || parse_u64(colon + 1, &port) < 0 || port == 0 ||
        port > 65535)
        return -EINVAL;
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr(".-_", text[i]))
            return -EINVAL;
    memcpy(registry->name, text, size);
    (void)snprintf(registry->port, sizeof registry->port, "%u", (unsigned)port); /* fits */
    return 0;
}

int registry_config_parse(const char *text, struct registry_config *ret_registry, struct error *error)
{
    _cleanup_registry_config_ struct registry_config registry = {0};
    int r = 0;

    if (strncmp(text, "static:", 7) == 0) {
        registry.kind = REGISTRY_STATIC;
        r = take_urls(text + 7, strlen(text + 7), &registry);
    } else if (strncmp(text, "dns:", 4) == 0) {
        registry.kind = REGISTRY_DNS;
        r = take_dns(text + 4, &registry);
    } else if (strncmp(text, "etcd:", 5) == 0) {
        registry.kind = REGISTRY_ETCD;
        r = take_etcd(text + 5, &registry);
    } else if (*text) {
        r = -EINVAL;
    }
    if (r == -EINVAL)
        return bad(error, text);
    if (r < 0)
        return error_errno(error, -r, "registry");
    *ret_registry = registry;
    registry = (struct registry_config){0};
    return 0;
}

/* What goes to other instances may be worth stealing, and what comes from them may end processes. Where etcd
 * says that they are is looked at when it has said so. */
static int check_reach(const struct registry_config *registry, const struct config *config,
                       struct error *error)
{
    bool is_remote = registry->kind == REGISTRY_DNS;
    const char *plain = registry->kind == REGISTRY_DNS && !*config->peer_ca ? registry->name : NULL;

    for (size_t i = 0; i < registry->url_count; i++) {
        bool is_loopback = url_is_loopback(registry->urls[i]);
        is_remote = is_remote || !is_loopback;
        if (registry->kind == REGISTRY_STATIC && !is_loopback && !url_is_https(registry->urls[i]))
            plain = registry->urls[i];
    }
    if (is_remote && !*config->cluster_key)
        return error_set(
            error, EINVAL,
            "The registry has instances on other machines, which have to know who asks: 'openssl rand "
            "-hex 32' makes a key, and --cluster-key FILE sets it up, the same on all of them.");
    if (plain && !config->peer_plain_text)
        return error_set(
            error, EINVAL,
            "What goes to %s by http could be read on the way: use https%s, or say --peer-plain-text "
            "1 where the network is trusted.",
            plain, registry->kind == REGISTRY_DNS ? " (--peer-ca FILE)" : "");
    return 0;
}

int registry_config_check(const struct config *config, struct registry_config *ret_registry,
                          struct error *error)
{
    int r = registry_config_parse(config->registry, ret_registry, error);

    if (r < 0 || ret_registry->kind == REGISTRY_NONE)
        return r;
    if (!instance_id_is_valid(config->instance_id))
        r = error_set(
            error, EINVAL,
            "instance-id = '%.100s' can't stand in addresses: up to %d letters, digits and . _ - may.",
            config->instance_id, INSTANCE_ID_MAX);
    if (r == 0 && *config->instance_url && !url_is_valid(config->instance_url, strlen(config->instance_url)))
        r = error_set(error, EINVAL, "instance-url = '%.200s' is no address such as http://10.0.0.1:7420.",
                      config->instance_url);
    if (r == 0)
        r = check_reach(ret_registry, config, error);
    if (r < 0)
        registry_config_release(ret_registry);
    return r;
}
