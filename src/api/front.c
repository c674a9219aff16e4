#include "api/front.h"

#include "api/arm.h"
#include "api/events_door.h"
#include "api/front_tls.h"
#include "api/http_metrics.h"
#include "api/instance.h"
#include "api/kudu.h"
#include "api/monitor.h"
#include "api/openapi.h"
#include "api/page.h"
#include "api/permit.h"
#include "api/site.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/origins.h"
#include "http/cors.h"
#include "http/origin.h"
#include "http/server.h"
#include "service/sandbox.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

enum { TARGET_LOCATION_SIZE = 1024, CHALLENGES_MAX = 3 };

struct front {
    const struct config *config;
    struct caller caller;
    struct monitor monitor;
    struct http_metrics metrics;
    struct events_door events;
    struct target prefix;  /* path-prefix taken apart */
    struct buffer openapi; /* with the prefix that all know it by */
};

static void front_release(struct front *front)
{
    events_door_release(&front->events);
    monitor_release(&front->monitor);
    http_metrics_release(&front->metrics);
    target_release(&front->prefix);
    buffer_release(&front->openapi);
}

/* What is answered from memory. */
static const struct route own_routes[] = {
    {HTTP_GET, "/", "page"},
    {HTTP_GET, "/assets/{name:text}", "asset"},
    {HTTP_GET, "/routes", "routes"},
    {HTTP_GET, "/api/events", "events"},
    {HTTP_GET, "/api/instances", "api-instances"},
    {HTTP_GET, "/api/instances/self", "api-instance"},
    {HTTP_GET, "/healthz", "healthz"},
    {HTTP_GET, "/openapi.json", "openapi"},
    {HTTP_GET, "/metrics", "metrics"},
    {0},
};

static bool is_loopback(const struct sockaddr *address)
{
    if (address && address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
    return address && address->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

/* Where we listen on all addresses a page of a stranger reaches us over loopback, too, and may do there what
 * needs nothing shown. */
static bool is_anonymous_here(const struct front *front, const struct http_exchange *exchange)
{
    const char *role = front->config->anonymous_role;

    return *role && strcmp(role, "none") != 0 && !http_exchange_header(exchange, "Authorization") &&
           is_loopback(http_exchange_peer(exchange));
}

static int check_origin(const struct front *front, struct http_exchange *exchange, struct error *error)
{
    enum http_method method = http_exchange_method(exchange);
    const char *origin = http_exchange_header(exchange, "Origin");
    struct request_origin request = {
        .host = http_exchange_header(exchange, "Host"),
        .origin = origin,
        .is_allowed = origin && origins_hold(front->config->cors_origins, origin),
        .fetch_site = http_exchange_header(exchange, "Sec-Fetch-Site"),
        .fetch_mode = http_exchange_header(exchange, "Sec-Fetch-Mode"),
        .fetch_dest = http_exchange_header(exchange, "Sec-Fetch-Dest"),
        .reads_only = method == HTTP_GET || method == HTTP_HEAD,
        .loopback = http_exchange_listener(exchange)->loopback || is_anonymous_here(front, exchange),
    };

    if (request.is_allowed)
        cors_allow(exchange);
    return request_origin_check(&request, front->config->machine_name, error);
}

/* Segments that belong to the prefix. A proxy may have taken them off already. */
static size_t skip_prefix(const struct front *front, const struct target *target)
{
    const struct target *prefix = &front->prefix;

    if (target->segment_count < prefix->segment_count)
        return 0;
    for (size_t i = 0; i < prefix->segment_count; i++) {
        if (strcmp(prefix->segments[i], target->segments[i]) != 0)
            return 0;
    }
    return prefix->segment_count;
}

/* What links begin with: our prefix, with the instance that the path names, or what another instance says
 * that its client sees. storage: room for it. */
static const char *link_prefix(const struct caller *caller, const struct http_exchange *exchange,
                               struct request *storage)
{
    if (instance_is_passed_on(exchange) && call_set_base(caller, exchange, "", 0, storage, NULL) == 0)
        return storage->base;
    return caller->prefix;
}

/* Without npm the routes are the page, too. */
static void answer_routes(const struct front *front, const struct caller *caller,
                          struct http_exchange *exchange)
{
    _cleanup_buffer_ struct buffer page = {0};
    struct request storage = {0};

    if (page_write(front->config, link_prefix(caller, exchange, &storage), &page) < 0) {
        http_answer_problem(exchange, 500, "The page could not be made.");
        return;
    }
    http_header(exchange, "Content-Security-Policy", page_policy());
    http_header(exchange, "Referrer-Policy", "no-referrer");
    http_answer_buffer(exchange, 200, "text/html; charset=utf-8", &page);
}

static void answer_openapi(const struct front *front, const struct caller *caller,
                           struct http_exchange *exchange)
{
    static const char type[] = "application/json; charset=utf-8";
    _cleanup_buffer_ struct buffer text = {0};
    struct request storage = {0};
    const char *prefix = link_prefix(caller, exchange, &storage);

    if (strcmp(prefix, front->config->path_prefix) == 0)
        http_answer_static(exchange, 200, type, front->openapi.data, front->openapi.size);
    else if (openapi_copy(&front->openapi, prefix, &text) < 0)
        http_answer_problem(exchange, 500, "The description could not be made.");
    else
        http_answer_buffer(exchange, 200, type, &text);
}

/* The page's addresses are relative, so behind "/prefix" they would be of "/". */
static void answer_page(const struct front *front, const struct caller *caller,
                        struct http_exchange *exchange)
{
    const char *target = http_exchange_target(exchange), *path = target;
    size_t size = strcspn(path, "?");

    if (size > 0 && path[size - 1] == '/') {
        if (!site_answer(exchange, "", ""))
            answer_routes(front, caller, exchange);
        return;
    }
    if (front->prefix.segment_count > 0) {
        char location[TARGET_LOCATION_SIZE];
        /* relative: a proxy may have more before it */
        (void)snprintf(location, sizeof location, "%s/",
                       front->prefix.segments[front->prefix.segment_count - 1]); /* cut: a dead link */
        http_header(exchange, "Location", location);
    }
    http_answer_empty(exchange, front->prefix.segment_count > 0 ? 308 : 404);
}

/* A permit_function: what the inspector has counted, and ours behind it. */
static void answer_metrics(void *context, struct http_exchange *exchange, const struct target *target,
                           size_t first, struct buffer *said)
{
    const struct front *front = context;
    struct exposition exposition = {.out = said};

    (void)target, (void)first; /* there is nothing to choose */
    http_metrics_write(&front->metrics, &exposition);
    if (exposition.error < 0)
        http_answer_problem(exchange, 500, "The figures could not be written.");
    else
        http_answer_buffer(exchange, 200, EXPOSITION_TYPE, said);
}

static void on_completed(void *context, const struct http_record *record)
{
    http_metrics_add(&((struct front *)context)->metrics, record);
}

static void ask_for_metrics(struct front *front, struct http_exchange *exchange)
{
    struct error error = {0};

    if (permit_ask(&front->caller, exchange, operation_find("metrics"), 0, answer_metrics, front, &error) < 0)
        http_answer_error(exchange, &error);
}

static void answer_own(struct front *front, const struct caller *caller, struct http_exchange *exchange,
                       const struct route_match *match)
{
    static const char healthy[] = "{\"status\":\"ok\"}";

    if (!match->route) {
        call_answer_unmatched(exchange, match);
    } else if (strcmp(match->route->name, "events") == 0) {
        events_door_handle(&front->events, exchange);
    } else if (strcmp(match->route->name, "metrics") == 0) {
        ask_for_metrics(front, exchange);
    } else if (strcmp(match->route->name, "api-instances") == 0) {
        instance_answer_list(caller, exchange);
    } else if (strcmp(match->route->name, "api-instance") == 0) {
        instance_answer_self(caller, exchange);
    } else if (strcmp(match->route->name, "page") == 0) {
        answer_page(front, caller, exchange);
    } else if (strcmp(match->route->name, "routes") == 0) {
        answer_routes(front, caller, exchange);
    } else if (strcmp(match->route->name, "asset") == 0) {
        if (!site_answer(exchange, "assets/", match->captures[0].text))
            http_answer_problem(exchange, 404, "The page has no such file.");
    } else if (strcmp(match->route->name, "openapi") == 0) {
        answer_openapi(front, caller, exchange);
    } else {
        http_answer_static(exchange, 200, "application/json; charset=utf-8", healthy, sizeof healthy - 1);
    }
}

static void handle(void *context, struct http_exchange *exchange)
{
    struct front *front = context;
    _cleanup_target_ struct target target = {0};
    struct error error = {0};
    struct route_match match;
    struct caller caller;
    size_t first;
    int r = check_origin(front, exchange, &error);

    if (r == 0)
        r = target_parse(http_exchange_target(exchange), &target, &error);
    if (r < 0) {
        http_answer_error(exchange, &error);
        return;
    }
    if (cors_answer_preflight(exchange))
        return;
    first = skip_prefix(front, &target);
    if (!instance_handle(&front->caller, exchange, &target, &first, &caller) &&
        !kudu_handle(&caller, exchange, &target, first) && !arm_handle(&caller, exchange, &target, first) &&
        !monitor_handle(&front->monitor, &caller, exchange, &target, first)) {
        route_find(own_routes, &target, first, http_exchange_method(exchange), &match);
        http_exchange_set_route(exchange, "", match.route);
        answer_own(front, &caller, exchange, &match);
    }
    instance_caller_release(&caller, &front->caller);
}

static void on_stop(void *context, struct http_server *server)
{
    struct front *front = context;

    events_door_stop(&front->events); /* the signal is not read: it would only be the same one again */
    http_server_stop(server);
}

/* The inspector has read the files of TLS again, or it is gone. */
static void on_channel(void *context, struct http_server *server)
{
    struct front *front = context;

    if (front_tls_renew(front->caller.channel) == 0)
        return;
    http_server_unwatch(server, front->caller.channel);
    on_stop(front, server);
}

static int prepare(struct front *front, struct error *error)
{
    int r = networks_parse(front->config->front_ends,
                           &front->caller.front_ends); /* was checked when it was set */

    front->metrics.started = clock_realtime_ns() / 1000000000;
    front->monitor.caller = &front->caller;
    if (r == 0)
        r = monitor_init(&front->monitor);
    if (r == 0 && *front->config->path_prefix)
        r = target_parse(front->config->path_prefix, &front->prefix, error);
    if (r == 0)
        r = openapi_write(front->config->path_prefix, front->config->dotnet_monitor == 1, &front->openapi);
    return error_ensure(error, r, "The pages could not be made");
}

/* How to show who one is, for a 401. A token may stand in place of a password: so browsers ask for it. */
static void choose_challenges(const struct config *config, const char *challenges[CHALLENGES_MAX])
{
    size_t count = 0;

    if (*config->tokens || *config->jwt_keys || !*config->passwords)
        challenges[count++] = "Bearer realm=\"procscope\"";
    if (*config->tokens || *config->passwords)
        challenges[count++] = "Basic realm=\"procscope\", charset=\"UTF-8\"";
    challenges[count] = NULL;
}

static int serve(const struct front_start *start, struct error *error)
{
    _cleanup_(front_release) struct front front = {
        .config = start->config,
        .caller = {.channel = start->channel,
                   .prefix = start->config->path_prefix,
                   .config = start->config,
                   .lasting = &front.caller},
    };
    const char *challenges[CHALLENGES_MAX] = {0};
    struct http_settings settings = {
        .connections = start->config->connections,
        .client_connections = start->config->client_connections,
        .head_ms = start->config->head_timeout,
        .body_ms = start->config->body_timeout,
        .answer_ms = start->config->answer_timeout,
        .idle_ms = start->config->stall_timeout,
        .stop_ms = start->config->stop_timeout,
        .challenges = challenges,
        .handle = handle,
        .completed = on_completed,
        .context = &front,
    };
    _cleanup_http_server_ struct http_server *server = NULL;
    _cleanup_close_ int signal_fd = -1;
    sigset_t signals;
    int r;

    events_door_init(&front.events, start->config, start->channel);
    choose_challenges(start->config, challenges);
    r = prepare(&front, error);
    if (r < 0)
        return r;
    (void)sigemptyset(&signals); /* these three take what we give them */
    (void)sigaddset(&signals, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signal_fd < 0)
        return error_errno(error, errno, "Can't wait for signals");
    r = http_server_new(start->data, &settings, &server, error);
    events_door_set_server(&front.events, server);
    if (r == 0)
        r = http_server_watch(server, signal_fd, EPOLLIN | EPOLLONESHOT, on_stop, &front, error);
    if (r == 0)
        r = http_server_watch(server, start->channel, EPOLLIN, on_channel, &front, error);
    if (r == 0)
        r = sandbox_seal_front(error);
    return r < 0 ? r : http_server_run(server, error);
}

int front_run(const struct front_start *start)
{
    struct error error = {0};

    if (front_tls_begin(start, &error) < 0) {
        log_error("%s", error.text);
        return FRONT_IS_MISCONFIGURED;
    }
    if (serve(start, &error) < 0) {
        log_error("%s", error.text);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
