/* What comes over a connection, from the first byte on: libmicrohttpd, the server around it, the target of
 * the request and its origin. Whatever is sent, pipelined or cut anywhere, every answer is one of ours, and
 * the connection ends once its client says no more. */
#include "base/io.h"
#include "base/parse.h"
#include "http/listen.h"
#include "http/origin.h"
#include "http/server.h"
#include "http/target.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HANG_MS = 30000 };

static void handle(void *context, struct http_exchange *exchange)
{
    struct request_origin request = {.host = http_exchange_header(exchange, "Host"),
                                     .origin = http_exchange_header(exchange, "Origin"),
                                     .fetch_site = http_exchange_header(exchange, "Sec-Fetch-Site"),
                                     .fetch_mode = http_exchange_header(exchange, "Sec-Fetch-Mode"),
                                     .reads_only = http_exchange_method(exchange) == HTTP_GET,
                                     .loopback = true};
    _cleanup_target_ struct target target = {0};
    struct error error = {0};
    int r = request_origin_check(&request, "machine", &error);

    (void)context;
    if (r == 0)
        r = target_parse(http_exchange_target(exchange), &target, &error);
    if (r < 0)
        http_answer_error(exchange, &error);
    else
        http_answer_static(exchange, 200, "text/plain", "fuzzed", 6);
}

static void *run(void *server)
{
    struct error error;

    if (http_server_run(server, &error) < 0)
        abort();
    return NULL;
}

/* The port of a server that runs as long as the process. */
static uint16_t start(void)
{
    static struct listeners listeners;
    const struct http_settings settings = {.connections = 64,
                                           .idle_ms = 1000,
                                           .stop_ms = 1000,
                                           .head_ms = 1000,
                                           .body_ms = 1000,
                                           .answer_ms = 5000,
                                           .handle = handle};
    struct http_server *server;
    struct error error;
    pthread_t thread;
    uint64_t port;

    (void)signal(SIGPIPE, SIG_IGN);
    if (listeners_add(&listeners, "127.0.0.1:0", &error) < 0 ||
        http_server_new(&listeners, &settings, &server, &error) < 0 ||
        pthread_create(&thread, NULL, run, server) != 0 ||
        parse_u64(strrchr(listeners.items[0].url, ':') + 1, &port) < 0)
        abort();
    return (uint16_t)port;
}

/* Sends it and says no more; what comes back within so long goes into answer. Returns its size. */
static size_t talk(uint16_t port, const void *bytes, size_t size, int patience_ms, char *answer, size_t room)
{
    static const struct linger at_once = {.l_onoff = 1}; /* else there soon are no ports left */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct pollfd waited = {.events = POLLIN};
    size_t used = 0;
    ssize_t n = 1;

    address.sin_port = htons(port);
    waited.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (waited.fd < 0 || connect(waited.fd, (struct sockaddr *)&address, sizeof address) < 0)
        abort();
    (void)!io_write_full(waited.fd, bytes, size, HANG_MS); /* it may be refused in the middle */
    (void)shutdown(waited.fd, SHUT_WR);                    /* likewise */
    while (n > 0 && used < room) {
        int ready = poll(&waited, 1, patience_ms);
        if (ready < 0) /* the fuzzer has an alarm */
            continue;
        n = ready == 0 ? 0 : recv(waited.fd, answer + used, room - used, 0);
        used += n > 0 ? (size_t)n : 0;
    }
    (void)setsockopt(waited.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)fd_close(waited.fd);
    return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { PATIENCE_MS = 20, LOOK_EVERY = 16 };
    static const char good[] = "GET /good HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    static uint16_t port;
    static unsigned count;
    char answer[4096];
    size_t used;

    if (port == 0)
        port = start();
    used = talk(port, data, size, PATIENCE_MS, answer, sizeof answer);
    if (used >= 9 && memcmp(answer, "HTTP/1.1 ", 9) != 0)
        abort();
    if (count++ % LOOK_EVERY != 0)
        return 0;
    /* others are answered all the while */
    used = talk(port, good, sizeof good - 1, HANG_MS, answer, sizeof answer);
    if (used < 12 || (memcmp(answer, "HTTP/1.1 200", 12) != 0 && memcmp(answer, "HTTP/1.1 503", 12) != 0))
        abort();
    return 0;
}
