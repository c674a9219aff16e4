#include "instances/probe.h"
#include "instances/registry.h"

#include "base/clock.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <signal.h>
#include <string.h>

enum { LOOK_MS = 50 };

/* One address of the name. */
struct source {
    struct probe probe; /* first */
    bool is_listed;
};

struct dns_registry {
    struct registry registry; /* first */
    struct fleet *fleet;
    struct source *sources[MEMBERS_MAX]; /* owned */
    size_t count;
    struct loop_timer timer;
    struct addrinfo hints;
    struct gaicb query; /* the C library looks it up in a thread of its own */
    bool is_asking, has_failed;
};

static bool url_of(const struct dns_registry *dns, const struct sockaddr *address, char url[URL_SIZE])
{
    const struct fleet *fleet = dns->fleet;
    char text[INET6_ADDRSTRLEN];
    bool is_six = address->sa_family == AF_INET6;
    const void *bytes = is_six ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                               : (const void *)&((const struct sockaddr_in *)address)->sin_addr;

    if (address->sa_family != AF_INET && !is_six)
        return false;
    if (!inet_ntop(address->sa_family, bytes, text, sizeof text))
        return false;
    return snprintf(url, URL_SIZE, "%s://%s%s%s:%s%s", fleet->trust.ca ? "https" : "http", is_six ? "[" : "",
                    text, is_six ? "]" : "", fleet->registry_config.port,
                    fleet->config->path_prefix) < URL_SIZE;
}

static struct source *find(const struct dns_registry *dns, const char *url)
{
    for (size_t i = 0; i < dns->count; i++)
        if (strcmp(dns->sources[i]->probe.member->facts.url, url) == 0)
            return dns->sources[i];
    return NULL;
}

static void add(struct dns_registry *dns, const char *url)
{
    struct source *source = dns->count < MEMBERS_MAX ? calloc(1, sizeof *source) : NULL;
    struct member *member = members_find_url(&dns->fleet->members, url); /* one that was gone */

    if (!source || (!member && members_add(&dns->fleet->members, &member) < 0)) {
        free(source); /* one too many; the next time there may be room */
        return;
    }
    (void)snprintf(member->facts.url, sizeof member->facts.url, "%s", url); /* fits */
    member_lost(member, MEMBER_UNREACHABLE, "It has not answered yet.");
    source->is_listed = true;
    dns->sources[dns->count++] = source;
    probe_start(&source->probe, dns->fleet, member);
}

static void drop(struct dns_registry *dns, size_t index)
{
    struct source *source = dns->sources[index];
    struct member *member = source->probe.member;

    probe_stop(&source->probe);
    member_lost(member, MEMBER_GONE, "its name has this address no longer");
    member->is_self = false;
    if (member->seen_ms == 0)
        member->seen_ms = clock_monotonic_ms(); /* to be forgotten in its time */
    free(source);
    dns->sources[index] = dns->sources[--dns->count];
}

static void take(struct dns_registry *dns, const struct addrinfo *found)
{
    char url[URL_SIZE];

    for (size_t i = 0; i < dns->count; i++)
        dns->sources[i]->is_listed = false;
    for (; found; found = found->ai_next) {
        struct source *source;
        if (!url_of(dns, found->ai_addr, url))
            continue;
        source = find(dns, url);
        if (source)
            source->is_listed = true;
        else
            add(dns, url);
    }
    for (size_t i = dns->count; i > 0; i--)
        if (!dns->sources[i - 1]->is_listed)
            drop(dns, i - 1);
}

/* Only a word that there is no such name counts for an empty list; servers that don't answer do not. */
static void take_answer(struct dns_registry *dns, int code)
{
    bool is_known = code == 0 || code == EAI_NONAME || code == EAI_NODATA;

    if (is_known)
        take(dns, code == 0 ? dns->query.ar_result : NULL);
    if (code != 0 && !dns->has_failed)
        log_warning("The addresses of %s can't be found: %s.", dns->fleet->registry_config.name,
                    gai_strerror(code));
    dns->has_failed = code != 0;
    if (dns->query.ar_result)
        freeaddrinfo(dns->query.ar_result);
    dns->query.ar_result = NULL;
}

static void on_due(struct loop_timer *timer)
{
    struct dns_registry *dns = (struct dns_registry *)((char *)timer - offsetof(struct dns_registry, timer));
    struct gaicb *queries[] = {&dns->query};
    struct sigevent quiet = {.sigev_notify = SIGEV_NONE};
    int code = EAI_INPROGRESS;

    if (dns->is_asking)
        code = gai_error(&dns->query);
    else if (getaddrinfo_a(GAI_NOWAIT, queries, 1, &quiet) == 0)
        dns->is_asking = true;
    else
        code = EAI_AGAIN;
    if (code == EAI_INPROGRESS) {
        timer->due_ms = clock_monotonic_ms() + LOOK_MS;
        return;
    }
    dns->is_asking = false;
    take_answer(dns, code);
    timer->due_ms = clock_monotonic_ms() + dns->fleet->config->registry_interval;
}

static int dns_start(struct fleet *fleet, struct registry **ret_registry)
{
    struct dns_registry *dns = calloc(1, sizeof *dns);

    if (!dns)
        return -ENOMEM;
    dns->registry.ops = &registry_dns_ops;
    dns->fleet = fleet;
    dns->hints = (struct addrinfo){.ai_socktype = SOCK_STREAM};
    dns->query = (struct gaicb){.ar_name = fleet->registry_config.name, .ar_request = &dns->hints};
    dns->timer = (struct loop_timer){.due_ms = 0, .run = on_due};
    loop_timer_add(fleet->loop, &dns->timer);
    *ret_registry = &dns->registry;
    return 0;
}

static void dns_free(struct registry *registry)
{
    struct dns_registry *dns = (struct dns_registry *)registry;

    loop_timer_remove(dns->fleet->loop, &dns->timer);
    while (dns->count > 0) {
        probe_stop(&dns->sources[dns->count - 1]->probe);
        free(dns->sources[--dns->count]);
    }
    if (dns->is_asking && gai_cancel(&dns->query) == EAI_NOTCANCELED)
        return; /* a thread still writes there; the process ends now */
    free(dns);
}

/* Nobody wrote us down here. */
static void dns_leave(struct registry *registry)
{
    (void)registry;
}

static bool dns_has_left(const struct registry *registry)
{
    (void)registry;
    return true;
}

const struct registry_ops registry_dns_ops = {
    .start = dns_start, .leave = dns_leave, .has_left = dns_has_left, .free = dns_free};
