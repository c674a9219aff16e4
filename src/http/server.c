#include "http/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "http/connection.h"
#include "http/suspended.h"
#include "http/tls.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

enum {
    WATCHES_MAX = 8,
    EVENTS_MAX = 128,
    /* Of what it is strict about up to 0.9.75 we look after ourselves: it sends the head of its own refusal
       twice */
    CLIENT_STRICTNESS = MHD_VERSION > 0x00097500,
    RUNS_MAX = 16,         /* of one daemon before the others have their turn */
    CONNECTIONS_SPARE = 64 /* beyond the limit, to be told so */
};

struct watch {
    enum event_kind kind; /* EVENT_WATCH */
    int fd;               /* borrowed */
    void (*ready)(void *context, struct http_server *server);
    void *context;
};

struct http_server {
    struct http_settings settings;
    int epoll_fd;
    struct server_daemon daemons[LISTENERS_MAX];
    size_t daemon_count;
    struct watch watches[WATCHES_MAX];
    struct suspended_list suspended;
    struct connection_list connections;
    uint64_t exchanges;
    size_t bodies; /* bytes of them that are kept */
    bool is_stopping;
    uint64_t stop_deadline_ms;
};

/* --- What libmicrohttpd calls --- */

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct server_daemon *daemon = context;
    struct http_server *server = daemon->server;

    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        connection_remove(&server->connections, *socket_context);
        *socket_context = NULL;
        /* At its limit libmicrohttpd takes the listening socket out of its epoll; only the run after the one
         * that closes a connection puts it back, and nothing else would make that run. */
        daemon->is_due = true;
        return;
    }
    *socket_context = connection_add(&server->connections, &server->settings, daemon, connection);
}

/* The first thing called for a request, with the target as it came. */
static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
    struct server_daemon *daemon = context;
    struct http_exchange *exchange = exchange_new(daemon, connection, target);

    if (exchange)
        daemon->server->exchanges++;
    return exchange;
}

/* Decoding is target.c's, once, and strictly. */
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context; /* the signature is libmicrohttpd's */
    (void)connection;
    return strlen(text);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request_context,
                         enum MHD_RequestTerminationCode code)
{
    struct http_exchange *exchange = *request_context;

    (void)context; /* all is in the exchange */
    connection_enter(connection_of(connection), CONNECTION_HEAD);
    if (!exchange)
        return;
    if (exchange->server->settings.completed) {
        const struct http_record record =
            exchange_record(exchange, code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
        exchange->server->settings.completed(exchange->server->settings.context, &record);
    }
    exchange->server->exchanges--;
    request_body_release(&exchange->body, &exchange->server->bodies);
    exchange_free(exchange);
    *request_context = NULL;
}

static enum MHD_Result queue(struct http_exchange *exchange)
{
    struct MHD_Response *response = exchange->response;
    enum MHD_Result queued;

    if (exchange->server->is_stopping || exchange->is_refused)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close"); /* else it just ends */
    queued = MHD_queue_response(exchange->connection, exchange->status, response);
    exchange->response = NULL;
    if (exchange->source)
        exchange->state = EXCHANGE_STREAMING;
    connection_enter(connection_of(exchange->connection),
                     exchange->source ? CONNECTION_STREAM : CONNECTION_ANSWER);
    MHD_destroy_response(response); /* the connection has a reference of its own */
    return queued;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_size, void **request_context)
{
    struct http_exchange *exchange = *request_context;
    struct http_server *server;

    (void)context; /* all is in the exchange */
    (void)url;
    if (!exchange) /* no memory */
        return MHD_NO;
    server = exchange->server;
    if (!exchange->is_seen) {
        exchange->is_seen = true;
        exchange->method = http_method_parse(method);
        exchange->body.is_wanted = exchange->method == HTTP_POST;
        connection_enter(connection_of(connection), CONNECTION_BODY);
        return exchange_answer_early(exchange, version) ? queue(exchange) : MHD_YES;
    }
    if (*body_size > 0)
        return request_body_take(&exchange->body, body, body_size, &server->bodies) ? MHD_YES : MHD_NO;
    if (exchange->state == EXCHANGE_RECEIVING) {
        connection_enter(connection_of(connection), CONNECTION_STREAM);
        server->settings.handle(server->settings.context, exchange);
        if (exchange->state == EXCHANGE_WAITING)
            server_suspend(exchange, EXCHANGE_WAITING);
    }
    if (exchange->state == EXCHANGE_ANSWERED && exchange->response)
        return queue(exchange);
    return exchange->state == EXCHANGE_ABANDONED ? MHD_NO : MHD_YES;
}

static void _printf_(2, 0) on_message(void *context, const char *format, va_list arguments)
{
    char text[512];

    (void)context;
    (void)vsnprintf(text, sizeof text, format, arguments); /* a long one is cut */
    log_debug("libmicrohttpd: %s", text);
}

/* --- Waiting for sources --- */

int server_watch(struct http_exchange *exchange)
{
    /* Edge-triggered, so that it needs no call to be armed again: we wait only after having read until there
     * was nothing, and a pipe that gets its first bytes after that is an edge. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = exchange};

    if (exchange->is_watched)
        return 0;
    if (epoll_ctl(exchange->server->epoll_fd, EPOLL_CTL_ADD, exchange->source->fd, &event) < 0)
        return -errno;
    exchange->is_watched = true;
    return 0;
}

void server_add_challenges(const struct http_server *server, struct MHD_Response *response)
{
    for (const char *const *text = server->settings.challenges; text && *text; text++)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, *text); /* fit: our own */
}

void server_suspend(struct http_exchange *exchange, enum exchange_state state)
{
    struct http_server *server = exchange->server;

    if (server_watch(exchange) < 0) {
        exchange->state = EXCHANGE_ABANDONED;
        return;
    }
    exchange->state = state;
    suspended_add(&server->suspended, exchange);
    MHD_suspend_connection(exchange->connection);
}

static void resume(struct http_exchange *exchange)
{
    suspended_remove(&exchange->server->suspended, exchange);
    exchange->daemon->is_due = true;
    MHD_resume_connection(exchange->connection);
}

/* Its source has something, or has ended. */
static void on_source(struct http_exchange *exchange)
{
    if (exchange->state == EXCHANGE_STALLED) {
        exchange->state = EXCHANGE_STREAMING;
        resume(exchange);
    } else if (exchange->state == EXCHANGE_WAITING && exchange_advance(exchange) == 0) {
        resume(exchange);
    }
}

static void abandon(struct http_exchange *exchange)
{
    exchange_drop_source(exchange);
    exchange->state = EXCHANGE_ABANDONED;
    resume(exchange);
}

void http_exchange_cancel(struct http_exchange *exchange, unsigned status, const char *message)
{
    if (exchange->state == EXCHANGE_WAITING) {
        exchange_drop_source(exchange);
        http_answer_problem(exchange, status, message);
        resume(exchange);
    } else if (exchange->state == EXCHANGE_STALLED) {
        abandon(exchange);
    } else if (exchange->state == EXCHANGE_STREAMING) {
        exchange_drop_source(exchange);
        exchange->state = EXCHANGE_ABANDONED; /* libmicrohttpd sees it when it asks for more */
    }
}

/* --- The loop --- */

static void run_daemon(struct server_daemon *daemon)
{
    MHD_UNSIGNED_LONG_LONG timeout;
    unsigned runs = 0;

    do {
        daemon->is_due = false;
        (void)MHD_run(daemon->mhd); /* fails only for daemons that run themselves */
        runs++;
    } while (runs < RUNS_MAX &&
             (daemon->is_due || (MHD_get_timeout(daemon->mhd, &timeout) == MHD_YES && timeout == 0)));
}

static int next_timeout_ms(struct http_server *server)
{
    uint64_t least = 60000, now;

    for (size_t i = 0; i < server->daemon_count; i++) {
        MHD_UNSIGNED_LONG_LONG timeout;
        if (server->daemons[i].is_due)
            least = 0;
        else if (MHD_get_timeout(server->daemons[i].mhd, &timeout) == MHD_YES && timeout < least)
            least = timeout;
    }
    if (server->connections.oldest && least > CONNECTIONS_LOOK_MS)
        least = CONNECTIONS_LOOK_MS;
    if (server->suspended.first && least > SUSPENDED_LOOK_MS)
        least = SUSPENDED_LOOK_MS;
    if (server->is_stopping) {
        now = clock_monotonic_ms();
        if (now >= server->stop_deadline_ms)
            return 0;
        if (least > server->stop_deadline_ms - now)
            least = server->stop_deadline_ms - now;
    }
    return (int)least;
}

static int turn(struct http_server *server, struct error *error)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(server->epoll_fd, events, EVENTS_MAX, next_timeout_ms(server));

    if (count < 0)
        return errno == EINTR ? 0 : error_errno(error, errno, "Can't wait for connections");
    /* Exchanges first and daemons last: only daemons free exchanges, so that no event points to a freed one.
     */
    for (int i = 0; i < count; i++) {
        if (*(enum event_kind *)events[i].data.ptr == EVENT_EXCHANGE)
            on_source(events[i].data.ptr);
    }
    for (int i = 0; i < count; i++) {
        if (*(enum event_kind *)events[i].data.ptr == EVENT_WATCH) {
            const struct watch *watch = events[i].data.ptr;
            if (watch->ready) /* else taken back within this very turn */
                watch->ready(watch->context, server);
        } else if (*(enum event_kind *)events[i].data.ptr == EVENT_DAEMON) {
            ((struct server_daemon *)events[i].data.ptr)->is_due = true;
        }
    }
    suspended_look(&server->suspended, abandon);
    connections_look(&server->connections, &server->settings);
    for (size_t i = 0; i < server->daemon_count; i++) {
        struct server_daemon *daemon = &server->daemons[i];
        MHD_UNSIGNED_LONG_LONG timeout;
        if (daemon->is_due || (MHD_get_timeout(daemon->mhd, &timeout) == MHD_YES && timeout == 0))
            run_daemon(daemon);
    }
    return 0;
}

int http_server_run(struct http_server *server, struct error *error)
{
    int r = 0;

    while (r == 0) {
        if (server->is_stopping &&
            (server->exchanges == 0 || clock_monotonic_ms() >= server->stop_deadline_ms))
            break;
        r = turn(server, error);
    }
    return r;
}

void http_server_stop(struct http_server *server)
{
    if (server->is_stopping)
        return;
    server->is_stopping = true;
    server->stop_deadline_ms = clock_monotonic_ms() + server->settings.stop_ms;
    for (size_t i = 0; i < server->daemon_count; i++) {
        (void)MHD_quiesce_daemon(server->daemons[i].mhd); /* the descriptor stays the listener's */
        server->daemons[i].is_due = true;
    }
}

int http_server_watch(struct http_server *server, int fd, uint32_t events,
                      void (*ready)(void *context, struct http_server *server), void *context,
                      struct error *error)
{
    struct watch *watch = server->watches;
    struct epoll_event event = {.events = events};

    while (watch < server->watches + WATCHES_MAX && watch->ready)
        watch++;
    if (watch == server->watches + WATCHES_MAX)
        return error_set(error, ENOBUFS, "Too many descriptors to watch.");
    event.data.ptr = watch;
    if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return error_errno(error, errno, "Can't watch a descriptor");
    *watch = (struct watch){.kind = EVENT_WATCH, .fd = fd, .ready = ready, .context = context};
    return 0;
}

void http_server_unwatch(struct http_server *server, int fd)
{
    for (size_t i = 0; i < WATCHES_MAX; i++) {
        struct watch *watch = &server->watches[i];
        if (!watch->ready || watch->fd != fd)
            continue;
        (void)epoll_ctl(server->epoll_fd, EPOLL_CTL_DEL, fd, NULL); /* it is there */
        watch->ready = NULL;
    }
}

enum { TLS_OPTIONS = 4 };

static void add_tls(const struct listener *listener, struct MHD_OptionItem options[TLS_OPTIONS])
{
    size_t count = 0;

    if (listener->tls) {
        options[count++] =
            (struct MHD_OptionItem){MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)tls_retrieve};
        options[count++] =
            (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)tls_priorities};
    }
    if (listener->tls && tls_asks_clients()) /* that it asks for one is all: tls_client_name() looks at it */
        options[count++] =
            (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, (void *)(uintptr_t)tls_client_ca()};
    options[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
}

static int start_daemon(struct http_server *server, const struct listener *listener, struct error *error)
{
    struct server_daemon *daemon = &server->daemons[server->daemon_count];
    const struct http_settings *settings = &server->settings;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = daemon};
    struct MHD_OptionItem options[TLS_OPTIONS];
    const union MHD_DaemonInfo *info;

    *daemon = (struct server_daemon){.kind = EVENT_DAEMON, .server = server, .listener = listener};
    add_tls(listener, options);
    daemon->mhd = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (listener->tls ? MHD_USE_TLS : 0), 0,
        NULL, NULL, on_request, daemon, MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL,
        MHD_OPTION_LISTEN_SOCKET, listener->fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)(settings->connections + CONNECTIONS_SPARE), MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)((settings->idle_ms + 999) / 1000), MHD_OPTION_URI_LOG_CALLBACK, on_target, daemon,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, daemon, MHD_OPTION_STRICT_FOR_CLIENT, CLIENT_STRICTNESS,
        MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (!daemon->mhd)
        return error_set(error, EIO, "Can't serve HTTP on %s.", listener->url);
    server->daemon_count++;
    daemon->is_due = true; /* the first run puts the socket into libmicrohttpd's epoll */
    info = MHD_get_daemon_info(daemon->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info || epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, info->epoll_fd, &event) < 0)
        return error_set(error, EIO, "Can't wait for connections on %s.", listener->url);
    return 0;
}

int http_server_new(const struct listeners *listeners, const struct http_settings *settings,
                    struct http_server **ret_server, struct error *error)
{
    _cleanup_http_server_ struct http_server *server = calloc(1, sizeof *server);

    if (!server)
        return error_errno(error, ENOMEM, "Can't start the HTTP server");
    server->settings = *settings;
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (server->epoll_fd < 0)
        return error_errno(error, errno, "Can't start the HTTP server");
    for (size_t i = 0; i < listeners->count; i++) {
        int r = start_daemon(server, &listeners->items[i], error);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < server->daemon_count; i++)
        run_daemon(&server->daemons[i]);
    *ret_server = TAKE_PTR(server);
    return 0;
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    /* libmicrohttpd must not be stopped with suspended connections */
    while (server->suspended.first)
        abandon(server->suspended.first);
    for (size_t i = 0; i < server->daemon_count; i++) {
        (void)MHD_quiesce_daemon(server->daemons[i].mhd); /* else it would close the listener's socket */
        run_daemon(&server->daemons[i]);
        MHD_stop_daemon(server->daemons[i].mhd);
    }
    (void)fd_close(server->epoll_fd);
    free(server);
}
