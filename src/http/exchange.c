#include "http/exchange.h"

#include "base/clock.h"
#include "http/connection.h"
#include "http/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum {
    GATHER_MAX = 256 * 1024, /* a body up to this size is taken whole before the first byte goes out: one that
                                breaks off is a clean 500 then, and it needs one send */
    BLOCK_SIZE = 256 * 1024, /* of a streamed body */
    RELAY_MIN = 1024 * 1024, /* a body of this size goes past libmicrohttpd, without a copy */
    UNSENT_MAX = 256 * 1024, /* of a streamed body in the kernel, beyond what is on its way */
    FULL_SIZE = 4 * 1024,    /* what libmicrohttpd gets to wait with while the socket is full */
    ENDLESS_SIZE = 32 * 1024,    /* its BLOCK_SIZE ... */
    ENDLESS_SOCKET = 128 * 1024, /* ... and what the kernel holds of it */
    PIPE_SIZE = 512 * 1024,      /* for a streamed body (service/client.c says why) */
};

struct http_exchange *exchange_new(struct server_daemon *daemon, struct MHD_Connection *connection,
                                   const char *target)
{
    struct http_exchange *exchange = calloc(1, sizeof *exchange);

    if (!exchange)
        return NULL;
    exchange->target = strdup(target);
    if (!exchange->target) {
        free(exchange);
        return NULL;
    }
    exchange->kind = EVENT_EXCHANGE;
    exchange->method = HTTP_OTHER; /* until its head is whole */
    exchange->relay = RELAY_INIT;
    exchange->server = daemon->server;
    exchange->daemon = daemon;
    exchange->began_ns = clock_monotonic_ns();
    exchange->connection = connection;
    exchange->gathered.limit = GATHER_MAX;
    exchange->body = REQUEST_BODY_INIT;
    return exchange;
}

static bool has_header(const struct http_exchange *exchange, const char *name)
{
    for (size_t i = 0; i < exchange->header_count; i++) {
        if (strcasecmp(exchange->headers[i].name, name) == 0)
            return true;
    }
    return false;
}

static void drop_headers(struct http_exchange *exchange)
{
    for (size_t i = 0; i < exchange->header_count; i++)
        free(exchange->headers[i].name);
    exchange->header_count = 0;
}

void exchange_drop_source(struct http_exchange *exchange)
{
    if (exchange->source)
        exchange->source->ops->free(exchange->source);
    exchange->source = NULL;
    relay_close(&exchange->relay);
    exchange->is_watched = false; /* closing took it out of the epoll */
    buffer_release(&exchange->gathered);
}

void exchange_free(struct http_exchange *exchange)
{
    if (!exchange)
        return;
    exchange_drop_source(exchange);
    drop_headers(exchange);
    if (exchange->response)
        MHD_destroy_response(exchange->response);
    free(exchange->target);
    free(exchange);
}

int http_exchange_body(const struct http_exchange *exchange, const char **ret_text, struct error *error)
{
    return request_body_text(&exchange->body, ret_text, error);
}

enum http_method http_exchange_method(const struct http_exchange *exchange)
{
    return exchange->method;
}

const char *http_exchange_target(const struct http_exchange *exchange)
{
    return exchange->target;
}

const char *http_exchange_header(const struct http_exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

struct header_search {
    const char *name;
    bool (*each)(void *context, const char *value);
    void *context;
    bool is_found;
};

static enum MHD_Result search_header(void *context, enum MHD_ValueKind kind, const char *name,
                                     const char *value)
{
    struct header_search *search = context;

    (void)kind;
    if (strcasecmp(name, search->name) == 0 && value)
        search->is_found = search->each(search->context, value);
    return search->is_found ? MHD_NO : MHD_YES;
}

bool http_exchange_headers(const struct http_exchange *exchange, const char *name,
                           bool (*each)(void *context, const char *value), void *context)
{
    struct header_search search = {.name = name, .each = each, .context = context};

    (void)MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, search_header,
                                    &search); /* their number */
    return search.is_found;
}

const char *http_exchange_certificate(const struct http_exchange *exchange, int64_t *ret_expires)
{
    struct http_connection *connection = connection_of(exchange->connection);
    const union MHD_ConnectionInfo *tls =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);

    if (!connection || !exchange->daemon->listener->tls || !tls || !tls->tls_session)
        return NULL;
    if (connection->tls_generation != tls_generation()) {
        connection->tls_generation = tls_generation();
        if (tls_client_name(tls->tls_session, connection->client_name, sizeof connection->client_name,
                            &connection->client_expires) < 0)
            connection->client_name[0] = '\0';
    }
    if (connection->client_expires != 0 && connection->client_expires <= (int64_t)time(NULL))
        connection->client_name[0] = '\0';
    *ret_expires = connection->client_expires;
    return *connection->client_name ? connection->client_name : NULL;
}

bool http_exchange_is_of_allowed_origin(const struct http_exchange *exchange)
{
    return exchange->is_of_allowed_origin;
}

int http_exchange_socket(const struct http_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    return info ? info->connect_fd : -1;
}

const struct listener *http_exchange_listener(const struct http_exchange *exchange)
{
    return exchange->daemon->listener;
}

const struct sockaddr *http_exchange_peer(const struct http_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    return info ? info->client_addr : NULL;
}

struct http_record exchange_record(const struct http_exchange *exchange, bool is_whole)
{
    /* of a body that went past libmicrohttpd it thinks that it stopped short */
    is_whole = is_whole || exchange->is_whole;
    return (struct http_record){.method = exchange->method,
                                .root = exchange->root,
                                .route = exchange->route,
                                .status = exchange->status,
                                .is_cut = exchange->status != 0 && !is_whole,
                                .took_ns = clock_monotonic_ns() - exchange->began_ns};
}

void http_exchange_set_route(struct http_exchange *exchange, const char *root, const struct route *route)
{
    exchange->root = root;
    exchange->route = route;
}

void http_header(struct http_exchange *exchange, const char *name, const char *value)
{
    struct exchange_header *header = &exchange->headers[exchange->header_count];
    size_t name_size = strlen(name) + 1, value_size = strlen(value) + 1;

    if (exchange->header_count == EXCHANGE_HEADERS_MAX || name_size == 1 || value_size == 1)
        return;
    header->name = malloc(name_size + value_size);
    if (!header->name)
        return; /* as one too many */
    memcpy(header->name, name, name_size);
    header->value = header->name + name_size;
    memcpy(header->value, value, value_size);
    exchange->header_count++;
}

/* Takes response over. */
static void finish(struct http_exchange *exchange, unsigned status, const char *type,
                   struct MHD_Response *response)
{
    if (response) {
        /* what processes do is nobody's but the caller's, and never what a browser may guess at */
        if (!has_header(exchange, MHD_HTTP_HEADER_CACHE_CONTROL))
            (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
        (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    }
    if (response)
        cors_add_headers(exchange, response);
    if (response && status == MHD_HTTP_UNAUTHORIZED)
        server_add_challenges(exchange->server, response);
    if (response && type)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type); /* unfit: left out */
    for (size_t i = 0; response && i < exchange->header_count; i++)
        (void)MHD_add_response_header(response, exchange->headers[i].name,
                                      exchange->headers[i].value); /* likewise */
    drop_headers(exchange);
    exchange->status = status;
    exchange->response = response;
    /* without memory for a response there is nothing left but to close */
    exchange->state = response ? EXCHANGE_ANSWERED : EXCHANGE_ABANDONED;
}

void http_answer_static(struct http_exchange *exchange, unsigned status, const char *type, const void *bytes,
                        size_t size)
{
    /* the pointer is not const for the other modes' sake only */
    finish(exchange, status, type,
           MHD_create_response_from_buffer(size, (void *)(uintptr_t)bytes, MHD_RESPMEM_PERSISTENT));
}

void http_answer_buffer(struct http_exchange *exchange, unsigned status, const char *type,
                        struct buffer *body)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body->size, body->data, MHD_RESPMEM_MUST_FREE);

    if (response)
        *body = (struct buffer){.limit = body->limit};
    else
        buffer_release(body);
    finish(exchange, status, type, response);
}

void http_answer_empty(struct http_exchange *exchange, unsigned status)
{
    http_answer_static(exchange, status, NULL, "", 0);
}

void http_problem_form(struct http_exchange *exchange, enum problem_form form)
{
    exchange->problem_form = form;
}

enum problem_form http_exchange_problem_form(const struct http_exchange *exchange)
{
    return exchange->problem_form;
}

void http_answer_problem(struct http_exchange *exchange, unsigned status, const char *message)
{
    _cleanup_buffer_ struct buffer body = BUFFER_INIT(16 * 1024);
    unsigned retry = problem_retry_after(status);
    char seconds[16];

    if (problem_write(exchange->problem_form, status, message, &body) < 0) {
        http_answer_empty(exchange, status);
        return;
    }
    if (retry > 0) {
        (void)snprintf(seconds, sizeof seconds, "%u", retry); /* fits */
        http_header(exchange, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    http_answer_buffer(exchange, status, problem_type(exchange->problem_form), &body);
}

void http_answer_error(struct http_exchange *exchange, const struct error *error)
{
    http_answer_problem(exchange, problem_status_in(exchange->problem_form, error->code), error->text);
}

void http_answer_source(struct http_exchange *exchange, struct http_source *source)
{
    exchange->source = source;
    exchange->state = EXCHANGE_WAITING;
}

/* libmicrohttpd asks for the next bytes of a streamed body. It has sent all that it was given before, so with
 * a relay the bytes can go past it. Of those it knows nothing, and so thinks at the end that the body stops
 * short; since the connection is closed behind such a body, that comes to the same. */
static ssize_t read_block(void *context, uint64_t position, char *bytes, size_t size)
{
    struct http_exchange *exchange = context;
    ssize_t n;

    (void)position; /* asked for in order, and the source counts for itself */
    if (exchange->state == EXCHANGE_ABANDONED || !exchange->source)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (!relay_is_open(&exchange->relay))
        n = exchange->source->ops->read(exchange->source, bytes, size);
    else
        n = relay_run(&exchange->relay, exchange->source);
    if (n == -ENOBUFS)
        n = relay_read(&exchange->relay, bytes, size < FULL_SIZE ? size : FULL_SIZE);
    if (n > 0)
        return n;
    exchange->is_whole = n == 0;
    if (n == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (n == -EAGAIN) {
        server_suspend(exchange, EXCHANGE_STALLED);
        return 0;
    }
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* The kernel would take megabytes for a client that has stopped reading, and say nothing for as long as the
 * client needs for them: a slow one could not be told from one that stalls. Not for unix sockets, which hold
 * no more than 200 KiB. */
static void limit_unsent(int socket)
{
    const int unsent = UNSENT_MAX;

    (void)setsockopt(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent); /* else it is no TCP */
}

/* Small pieces, once a second: the kernel would take them for a client that sleeps for hours. */
static void limit_endless(int socket, uint64_t stall_ms)
{
    const int size = ENDLESS_SOCKET;
    const unsigned patience = stall_ms < INT32_MAX ? (unsigned)stall_ms : INT32_MAX;

    (void)setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &size, sizeof size); /* else it holds more */
    (void)setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience,
                     sizeof patience); /* else it is no TCP */
}

/* Where nothing stands between body and socket: no chunks, no TLS. Else libmicrohttpd copies. */
static void try_relay(struct http_exchange *exchange, int socket)
{
    const union MHD_ConnectionInfo *tls =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);

    if (exchange->head.length < RELAY_MIN || (tls && tls->tls_session))
        return;
    if (relay_open(&exchange->relay, exchange->source, socket) == 0)
        http_header(exchange, MHD_HTTP_HEADER_CONNECTION, "close");
}

static void begin_stream(struct http_exchange *exchange)
{
    const union MHD_ConnectionInfo *socket =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    uint64_t length = exchange->head.length < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)exchange->head.length;

    if (length == MHD_SIZE_UNKNOWN || length > PIPE_SIZE)
        (void)fcntl(exchange->source->fd, F_SETPIPE_SZ, PIPE_SIZE); /* only faster */
    if (socket) {
        limit_unsent(socket->connect_fd);
        try_relay(exchange, socket->connect_fd);
        if (exchange->head.stall_ms > 0)
            limit_endless(socket->connect_fd, exchange->head.stall_ms);
    }
    finish(exchange, exchange->head.status, exchange->head.type,
           MHD_create_response_from_callback(length, exchange->head.stall_ms > 0 ? ENDLESS_SIZE : BLOCK_SIZE,
                                             read_block, exchange, NULL));
}

/* The answer without its body: to HEAD, and where the status has none. */
static void answer_head_only(struct http_exchange *exchange)
{
    uint64_t length = exchange->head.length < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)exchange->head.length;

    if (exchange->head.status == MHD_HTTP_NO_CONTENT)
        http_answer_empty(exchange, exchange->head.status);
    else
        finish(exchange, exchange->head.status, exchange->head.type,
               MHD_create_response_from_callback(length, 1, read_block, exchange, NULL));
    exchange_drop_source(exchange);
}

static void answer_broken(struct http_exchange *exchange)
{
    drop_headers(exchange);
    exchange_drop_source(exchange);
    http_answer_problem(exchange, MHD_HTTP_INTERNAL_SERVER_ERROR,
                        "The worker that ran this operation ended before it had answered.");
}

/* Takes a body in until it is whole (1), or leaves it to be streamed (0). -EAGAIN: wait; others: broken. */
static int gather(struct http_exchange *exchange)
{
    if (exchange->head.length < 0 || exchange->head.length > GATHER_MAX)
        return 0;
    for (;;) {
        size_t size = exchange->gathered.size, wanted = (size_t)exchange->head.length - size;
        ssize_t n;

        if (wanted == 0)
            return 1;
        if (buffer_reserve(&exchange->gathered, wanted) < 0)
            return -ENOMEM;
        n = exchange->source->ops->read(exchange->source, exchange->gathered.data + size, wanted);
        if (n <= 0)
            return n == 0 ? -EPIPE : (int)n;
        exchange->gathered.size += (size_t)n;
        exchange->gathered.data[exchange->gathered.size] = 0;
    }
}

/* The head of the source, or of the one that it put in its place. 1: it answered by itself. */
static int take_head(struct http_exchange *exchange)
{
    struct http_source *source = exchange->source;
    int r = source->ops->head(source, exchange, &exchange->head);

    if (exchange->state == EXCHANGE_ANSWERED || exchange->state == EXCHANGE_ABANDONED) {
        exchange_drop_source(exchange);
        return 1;
    }
    if (exchange->source == source)
        return r;
    source->ops->free(source);
    exchange->is_watched = false; /* closing took it out of the epoll */
    r = server_watch(exchange);
    return r < 0 ? r : exchange->source->ops->head(exchange->source, exchange, &exchange->head);
}

int exchange_advance(struct http_exchange *exchange)
{
    int r;

    if (!exchange->has_head) {
        r = take_head(exchange);
        if (r > 0)
            return 0;
        if (r == -EAGAIN)
            return r;
        if (r < 0) {
            answer_broken(exchange);
            return 0;
        }
        exchange->has_head = true;
    }
    if (exchange->method == HTTP_HEAD) {
        answer_head_only(exchange);
        return 0;
    }
    r = gather(exchange);
    if (r == -EAGAIN)
        return r;
    if (r < 0) {
        answer_broken(exchange);
    } else if (r == 0) {
        begin_stream(exchange);
    } else if (exchange->head.status == MHD_HTTP_NO_CONTENT) {
        answer_head_only(exchange);
    } else {
        http_answer_buffer(exchange, exchange->head.status, exchange->head.type, &exchange->gathered);
        exchange_drop_source(exchange);
    }
    return 0;
}
