/* The one exchange with the inspector while it is open: which target there is, a websocket to it, one
 * message, and the end, which is the inspector's own. */
#include "runtime/node_parts.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "runtime/node_frames.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

enum { ANSWER_MS = 5000, LOOK_MS = 1000, ANSWER_MAX = 16384, FRAMES_MAX = 1024 * 1024 };

struct exchange {
    struct node_guard *guard;
    int fd;
    struct buffer answer; /* what came and is not used yet */
};

static int wait_until(struct exchange *exchange, short events, uint64_t until_ms)
{
    uint64_t now = clock_monotonic_ms();
    int r;

    if (now >= until_ms)
        return -ETIMEDOUT;
    r = node_guard_wait(exchange->guard, exchange->fd, events, (int)(until_ms - now));
    return r < 0 ? r : 0;
}

static int open_connection(struct exchange *exchange, const struct node_port *port, char text[NODE_PORT_TEXT])
{
    struct sockaddr_storage address;
    socklen_t size;
    int failure = 0;
    uint64_t until = clock_monotonic_ms() + ANSWER_MS;
    socklen_t failure_size = sizeof failure;

    node_port_address(port, &address, &size, text);
    exchange->fd = socket(port->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (exchange->fd < 0)
        return -errno;
    if (connect(exchange->fd, (const struct sockaddr *)&address, size) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return -errno;
    for (;;) {
        struct pollfd waited = {.fd = exchange->fd, .events = POLLOUT};
        int r = wait_until(exchange, POLLOUT, until);

        if (r < 0)
            return r;
        if (poll(&waited, 1, 0) > 0)
            break;
    }
    if (getsockopt(exchange->fd, SOL_SOCKET, SO_ERROR, &failure, &failure_size) < 0)
        return -errno;
    return -failure;
}

/* Requests are small: a fresh connection takes them at once. */
static int send_all(const struct exchange *exchange, const char *bytes, size_t size)
{
    ssize_t n = send(exchange->fd, bytes, size, MSG_NOSIGNAL);

    return n < 0 ? -errno : (size_t)n == size ? 0 : -EIO;
}

/* > 0 more came, 0 the end, -EAGAIN not yet. */
static ssize_t take_more(struct exchange *exchange)
{
    char bytes[4096];
    ssize_t n = recv(exchange->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    int r;

    if (n < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    r = buffer_append(&exchange->answer, bytes, (size_t)n);
    return r == -ENOBUFS ? -EBADMSG : r < 0 ? r : n;
}

/* Sends a request and waits until enough of its answer came: judge says how much. */
static ssize_t ask(struct exchange *exchange, const char *request,
                   ssize_t (*judge)(const struct buffer *answer, void *to), void *to)
{
    uint64_t until = clock_monotonic_ms() + ANSWER_MS;
    ssize_t r = send_all(exchange, request, strlen(request));

    while (r == 0) {
        ssize_t n;

        r = wait_until(exchange, POLLIN, until);
        if (r < 0)
            break;
        n = take_more(exchange);
        if (n < 0 && n != -EAGAIN)
            r = n;
        else if (n >= 0)
            r = judge(&exchange->answer, to);
        if (n == 0 && r == 0)
            r = -EBADMSG; /* it ended before that */
    }
    return r;
}

static ssize_t judge_list(const struct buffer *answer, void *to)
{
    return node_target_id(buffer_string(answer), answer->size, to);
}

static ssize_t judge_upgrade(const struct buffer *answer, void *to)
{
    (void)to;
    return node_upgrade_size(buffer_string(answer), answer->size);
}

static void exchange_close(struct exchange *exchange)
{
    exchange->fd = fd_close(exchange->fd);
    buffer_clear(&exchange->answer);
}

static ssize_t read_target(struct exchange *exchange, const struct node_port *port, char *ret_id)
{
    char host[NODE_PORT_TEXT], request[256];
    ssize_t r = open_connection(exchange, port, host);

    (void)snprintf(request, sizeof request, "GET /json/list HTTP/1.1\r\nHost: %s\r\n\r\n", host); /* fits */
    if (r == 0)
        r = ask(exchange, request, judge_list, ret_id);
    exchange_close(exchange);
    return r;
}

/* The key is any 16 bytes: what it proves, that nobody answers out of a cache, is of no use here. */
static ssize_t upgrade(struct exchange *exchange, const struct node_port *port, const char *id)
{
    char host[NODE_PORT_TEXT], request[512];
    ssize_t r = open_connection(exchange, port, host);

    (void)snprintf(request, sizeof request,
                   "GET /%s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Key: cHJvY3Njb3BlIGhlYXBzIQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
                   id, host); /* fits */
    return r < 0 ? r : ask(exchange, request, judge_upgrade, NULL);
}

static int put_message(struct buffer *out, const char *expression)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LIMIT_MESSAGE);
    struct json json = JSON_INIT(&text);
    int r;

    json_object_begin(&json);
    json_member_u64(&json, "id", 1);
    json_member_string(&json, "method", "Runtime.evaluate");
    json_key(&json, "params");
    json_object_begin(&json);
    json_member_string(&json, "expression", expression);
    /* `require`, which programs made of ES modules don't have otherwise */
    json_member_bool(&json, "includeCommandLineAPI", true);
    json_member_bool(&json, "silent", true);
    json_object_end(&json);
    json_object_end(&json);
    r = json_finish(&json);
    return r < 0 ? r : node_frame_put(out, buffer_string(&text), text.size);
}

/* Until the inspector ends the connection, which it does when the expression closes it. It waits then, and
 * the program with it, until this end is closed, too; was the expression not evaluated there is an answer.
 * That may take as long as the program is busy, but what sends frame after frame meanwhile is no inspector.
 */
static int await_end(struct exchange *exchange, size_t used, struct error *error)
{
    struct node_frames *frames = calloc(1, sizeof *frames);
    size_t received = 0;
    ssize_t n = 1;
    int r = frames ? node_frames_take(frames, exchange->answer.data + used, exchange->answer.size - used)
                   : -ENOMEM;

    while (r == 0 && !frames->is_closed && !frames->has_message && n != 0) {
        r = node_guard_wait(exchange->guard, exchange->fd, POLLIN, LOOK_MS);
        if (r < 0)
            break;
        buffer_clear(&exchange->answer);
        n = r > 0 ? take_more(exchange) : -EAGAIN;
        received += n > 0 ? (size_t)n : 0;
        r = received > FRAMES_MAX ? -EBADMSG : 0;
        if (n > 0 && r == 0)
            r = node_frames_take(frames, exchange->answer.data, (size_t)n);
        else if (n < 0 && n != -EAGAIN)
            n = 0; /* an end by an error is an end */
    }
    if (r == 0 && frames->has_message &&
        (strstr(frames->message, "\"exceptionDetails\"") || strstr(frames->message, "\"error\"")))
        r = error_set(error, EREMOTEIO, "Node has not closed its inspector: %.300s", frames->message);
    free(frames);
    return r;
}

int node_inspector_evaluate(struct node_guard *guard, const struct node_port *port, const char *expression,
                            struct error *error)
{
    struct exchange exchange = {.guard = guard, .fd = -1, .answer = BUFFER_INIT(ANSWER_MAX)};
    _cleanup_buffer_ struct buffer message = BUFFER_INIT(LIMIT_MESSAGE);
    char id[NODE_TARGET_SIZE];
    ssize_t r = read_target(&exchange, port, id);

    if (r > 0)
        r = upgrade(&exchange, port, id);
    if (r > 0) {
        size_t used = (size_t)r;

        r = put_message(&message, expression);
        if (r == 0)
            r = send_all(&exchange, message.data, message.size);
        if (r == 0)
            r = await_end(&exchange, used, error);
    }
    exchange_close(&exchange);
    buffer_release(&exchange.answer);
    if (r == -EBADMSG)
        return error_set(error, EBADMSG,
                         "What listens at port %u of the process does not answer as Node's inspector does; "
                         "a dump of the process can be had all the same.",
                         port->port);
    return error_ensure(error, (int)r, "Node's inspector can't be asked");
}
