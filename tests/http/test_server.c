/* The server in a thread, with sources that the test itself feeds through pipes. */
#include "base/io.h"
#include "base/parse.h"
#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cmocka.h>

enum { BIG = 3000000, WAIT_MS = 20000, CONNECTIONS = 4 };

struct fixture {
    struct listeners listeners;
    struct http_server *server;
    pthread_t thread;
    int stop_fd;
    int feeds[2]; /* each request of a source sends the writing end of its pipe here, as a number */
    int result;
};

/* A source whose head is one byte: the status divided by 100. "/N" in the target is the length of the body.
 */
struct fed_source {
    struct http_source base;
    int64_t length, sent;
};

static int fed_head(struct http_source *base, struct http_exchange *exchange,
                    struct http_source_head *ret_head)
{
    struct fed_source *source = (struct fed_source *)base;
    unsigned char status;
    ssize_t n = read(base->fd, &status, 1);

    if (n < 0)
        return -errno;
    if (n == 0)
        return -EPIPE;
    http_header(exchange, "X-Fed", "yes");
    http_header(exchange, "X-Bad", "no\r\nX-Injected: yes");
    *ret_head =
        (struct http_source_head){.status = status * 100u, .type = "text/plain", .length = source->length};
    return 0;
}

static ssize_t fed_read(struct http_source *base, void *bytes, size_t size)
{
    struct fed_source *source = (struct fed_source *)base;
    ssize_t n = read(base->fd, bytes, size);

    if (n < 0)
        return -errno;
    source->sent += n;
    return n > 0 || source->length < 0 || source->sent == source->length ? n : -EPIPE;
}

static void fed_free(struct http_source *base)
{
    (void)fd_close(base->fd);
    free(base);
}

static void handle(void *context, struct http_exchange *exchange)
{
    static const struct http_source_ops ops = {.head = fed_head, .read = fed_read, .free = fed_free};
    struct fixture *fixture = context;
    const char *target = http_exchange_target(exchange);
    struct fed_source *source;
    int ends[2];

    if (strcmp(target, "/static") == 0) {
        http_answer_static(exchange, 200, "text/plain", "static", 6);
        return;
    }
    source = calloc(1, sizeof *source);
    if (!source || pipe2(ends, O_CLOEXEC) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
        abort();
    source->base = (struct http_source){.ops = &ops, .fd = ends[0]};
    if (parse_i64(target + 1, &source->length) < 0)
        abort();
    http_answer_source(exchange, &source->base);
    if (write(fixture->feeds[1], &ends[1], sizeof ends[1]) != sizeof ends[1])
        abort();
}

static void on_stop(void *context, struct http_server *server)
{
    (void)context;
    http_server_stop(server);
}

static void *run(void *context)
{
    struct fixture *fixture = context;
    struct error error;
    fixture->result = http_server_run(fixture->server, &error);
    return NULL;
}

static struct fixture *start(uint64_t stop_ms)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct http_settings settings = {.connections = CONNECTIONS,
                                     .idle_ms = 30000,
                                     .stop_ms = stop_ms,
                                     .handle = handle,
                                     .context = fixture};
    struct error error;

    assert_non_null(fixture);
    assert_int_equal(pipe2(fixture->feeds, O_CLOEXEC), 0);
    fixture->stop_fd = eventfd(0, EFD_CLOEXEC);
    assert_true(fixture->stop_fd >= 0);
    assert_int_equal(listeners_add(&fixture->listeners, "127.0.0.1:0", &error), 0);
    assert_int_equal(http_server_new(&fixture->listeners, &settings, &fixture->server, &error), 0);
    assert_int_equal(
        http_server_watch(fixture->server, fixture->stop_fd, EPOLLIN | EPOLLONESHOT, on_stop, NULL, &error),
        0);
    assert_int_equal(pthread_create(&fixture->thread, NULL, run, fixture), 0);
    return fixture;
}

static void ask_to_stop(struct fixture *fixture)
{
    uint64_t one = 1;
    assert_int_equal(write(fixture->stop_fd, &one, sizeof one), sizeof one);
}

static void end(struct fixture *fixture)
{
    ask_to_stop(fixture);
    assert_int_equal(pthread_join(fixture->thread, NULL), 0);
    assert_int_equal(fixture->result, 0);
    http_server_free(fixture->server);
    listeners_release(&fixture->listeners);
    (void)fd_close(fixture->feeds[0]);
    (void)fd_close(fixture->feeds[1]);
    (void)fd_close(fixture->stop_fd);
    free(fixture);
}

static int connect_to(const struct fixture *fixture)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint64_t port;

    assert_int_equal(parse_u64(strrchr(fixture->listeners.items[0].url, ':') + 1, &port), 0);
    address.sin_port = htons((uint16_t)port);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void ask(int fd, const char *method, const char *target, const char *more)
{
    char text[300];
    int size =
        snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", method, target, more);

    assert_int_equal(io_write_full(fd, text, (size_t)size, -1), 0);
}

static int feed_of(const struct fixture *fixture)
{
    int fd;
    assert_int_equal(io_read_full(fixture->feeds[0], &fd, sizeof fd), sizeof fd);
    return fd;
}

/* Reads one answer: its head into head, and how much body came. -1 where the stream ended before the head. */
static int64_t receive(int fd, char *head, size_t head_size, bool has_body, int64_t *ret_length)
{
    static char bytes[65536];
    size_t used = 0;
    int64_t got = 0;
    uint64_t length = 0;
    const char *text;

    while (used < 4 || memcmp(head + used - 4, "\r\n\r\n", 4) != 0) {
        assert_true(used < head_size - 1);
        if (recv(fd, head + used, 1, 0) != 1)
            return -1;
        head[++used] = 0;
    }
    text = strcasestr(head, "Content-Length: ");
    if (text) {
        text += 16;
        assert_true(scan_u64(&text, head + used, &length));
    }
    *ret_length = (int64_t)length;
    while (has_body && (uint64_t)got < length) {
        size_t wanted =
            sizeof bytes < length - (uint64_t)got ? sizeof bytes : (size_t)(length - (uint64_t)got);
        ssize_t n = recv(fd, bytes, wanted, 0);
        if (n <= 0)
            break;
        got += n;
    }
    return got;
}

static void write_zeros(int fd, size_t size)
{
    char *zeros = calloc(1, size);
    assert_non_null(zeros);
    assert_int_equal(io_write_full(fd, zeros, size, -1), 0);
    free(zeros);
}

static void one_connection_serves_many_requests(void **state)
{
    struct fixture *fixture = start(1000);
    int fd = connect_to(fixture), feed;
    char head[2000];
    int64_t length;
    (void)state;

    for (int i = 0; i < 3; i++) {
        ask(fd, "GET", "/static", "");
        assert_int_equal(receive(fd, head, sizeof head, true, &length), 6);
        ask(fd, "GET", "/100", "");
        feed = feed_of(fixture);
        write_zeros(feed, 0);
        assert_int_equal(write(feed, "\2", 1), 1);
        write_zeros(feed, 100);
        (void)fd_close(feed);
        assert_int_equal(receive(fd, head, sizeof head, true, &length), 100);
        assert_memory_equal(head, "HTTP/1.1 200", 12);
        assert_non_null(strstr(head, "X-Fed: yes"));
        assert_null(strstr(head, "X-Injected"));
        assert_non_null(strstr(head, "nosniff"));
    }
    (void)fd_close(fd);
    end(fixture);
}

static void large_bodies_are_streamed(void **state)
{
    struct fixture *fixture = start(1000);
    int fd = connect_to(fixture), feed;
    char head[2000], target[32];
    int64_t length, got;
    (void)state;

    (void)snprintf(target, sizeof target, "/%d", BIG); /* fits */
    ask(fd, "GET", target, "");
    feed = feed_of(fixture);
    assert_int_equal(write(feed, "\2", 1), 1);
    /* the head is here before the body is: nothing waits for the whole */
    got = receive(fd, head, sizeof head, false, &length);
    assert_int_equal(got, 0);
    assert_int_equal(length, BIG);
    for (int sent = 0; sent < BIG; sent += 100000) {
        char *bytes = malloc(100000);
        assert_non_null(bytes);
        write_zeros(feed, 100000);
        assert_int_equal(recv(fd, bytes, 100000, MSG_WAITALL), 100000);
        free(bytes);
    }
    (void)fd_close(feed);
    ask(fd, "HEAD", target, "");
    feed = feed_of(fixture);
    assert_int_equal(write(feed, "\2", 1), 1);
    assert_int_equal(receive(fd, head, sizeof head, false, &length), 0);
    assert_int_equal(length, BIG);
    (void)fd_close(feed);
    ask(fd, "GET", "/static", ""); /* nothing of a body came after HEAD */
    assert_int_equal(receive(fd, head, sizeof head, true, &length), 6);
    (void)fd_close(fd);
    end(fixture);
}

static void unknown_lengths_are_chunked(void **state)
{
    struct fixture *fixture = start(1000);
    int fd = connect_to(fixture), feed;
    char bytes[2000] = "";
    size_t used = 0;
    (void)state;

    ask(fd, "GET", "/-1", "Connection: close\r\n");
    feed = feed_of(fixture);
    assert_int_equal(write(feed, "\2hello", 6), 6);
    (void)fd_close(feed);
    for (ssize_t n; (n = recv(fd, bytes + used, sizeof bytes - 1 - used, 0)) > 0;)
        used += (size_t)n;
    assert_non_null(strstr(bytes, "Transfer-Encoding: chunked"));
    assert_non_null(strstr(bytes, "\r\n5\r\nhello\r\n0\r\n\r\n"));
    (void)fd_close(fd);
    end(fixture);
}

/* A source that ends too early: before the head and in a small body a 500, in a large one a cut stream. */
static void broken_sources_are_seen(void **state)
{
    struct fixture *fixture = start(1000);
    int fd = connect_to(fixture), feed;
    char head[2000], target[32];
    int64_t length, got;
    (void)state;

    for (int i = 0; i < 2; i++) {
        ask(fd, "GET", "/100", "");
        feed = feed_of(fixture);
        if (i == 1)
            assert_int_equal(write(feed, "\2half", 5), 5);
        (void)fd_close(feed);
        got = receive(fd, head, sizeof head, true, &length);
        assert_memory_equal(head, "HTTP/1.1 500", 12);
        assert_null(strstr(head, "X-Fed"));
        assert_int_equal(got, length);
    }
    (void)snprintf(target, sizeof target, "/%d", BIG); /* fits */
    ask(fd, "GET", target, "");
    feed = feed_of(fixture);
    assert_int_equal(write(feed, "\2", 1), 1);
    write_zeros(feed, 500000);
    (void)fd_close(feed);
    got = receive(fd, head, sizeof head, true, &length);
    assert_int_equal(length, BIG);
    assert_int_equal(got, 500000);
    (void)fd_close(fd);
    end(fixture);
}

static bool is_broken_within(int feed, int ms)
{
    struct pollfd wait = {.fd = feed};
    return poll(&wait, 1, ms) == 1 && wait.revents & POLLERR;
}

static void clients_that_go_close_their_source(void **state)
{
    struct fixture *fixture = start(1000);
    char target[32], byte;
    (void)state;

    (void)snprintf(target, sizeof target, "/%d", BIG); /* fits */
    for (int i = 0; i < 3; i++) {
        int fd = connect_to(fixture), feed;
        ask(fd, "GET", target, "");
        feed = feed_of(fixture);
        if (i > 0)
            assert_int_equal(write(feed, "\2", 1), 1);
        if (i > 1) {
            write_zeros(feed, 1000);
            assert_int_equal(recv(fd, &byte, 1, 0), 1); /* it streams */
        }
        (void)fd_close(fd);
        assert_true(is_broken_within(feed, WAIT_MS));
        (void)fd_close(feed);
    }
    end(fixture);
}

static void one_connection_too_many_is_told_so(void **state)
{
    struct fixture *fixture = start(1000);
    int fds[CONNECTIONS], extra;
    char head[2000];
    int64_t length;
    (void)state;

    for (int i = 0; i < CONNECTIONS; i++) {
        fds[i] = connect_to(fixture);
        ask(fds[i], "GET", "/static", "");
        assert_int_equal(receive(fds[i], head, sizeof head, true, &length), 6);
    }
    extra = connect_to(fixture);
    ask(extra, "GET", "/static", "");
    assert_true(receive(extra, head, sizeof head, true, &length) > 0);
    assert_memory_equal(head, "HTTP/1.1 503", 12);
    assert_non_null(strstr(head, "Retry-After: "));
    assert_int_equal(recv(extra, head, 1, 0), 0); /* and closed */
    (void)fd_close(extra);
    (void)fd_close(fds[0]);
    for (;;) { /* its place is free as soon as the server has seen it */
        extra = connect_to(fixture);
        ask(extra, "GET", "/static", "");
        assert_true(receive(extra, head, sizeof head, true, &length) > 0);
        (void)fd_close(extra);
        if (memcmp(head, "HTTP/1.1 200", 12) == 0)
            break;
    }
    for (int i = 1; i < CONNECTIONS; i++)
        (void)fd_close(fds[i]);
    end(fixture);
}

static void bodies_of_requests_are_bounded(void **state)
{
    struct fixture *fixture = start(1000);
    int fd = connect_to(fixture);
    char head[2000];
    int64_t length;
    (void)state;

    ask(fd, "POST", "/static", "Content-Length: 5\r\n");
    assert_int_equal(write(fd, "hello", 5), 5);
    assert_int_equal(receive(fd, head, sizeof head, true, &length), 6);
    ask(fd, "POST", "/static", "Content-Length: 65537\r\n");
    assert_true(receive(fd, head, sizeof head, true, &length) > 0);
    assert_memory_equal(head, "HTTP/1.1 413", 12);
    (void)fd_close(fd);
    end(fixture);
}

static void running_answers_outlive_a_stop(void **state)
{
    struct fixture *fixture = start(WAIT_MS);
    int fd = connect_to(fixture), feed;
    char head[2000], target[32];
    int64_t length;
    (void)state;

    (void)snprintf(target, sizeof target, "/%d", BIG); /* fits */
    ask(fd, "GET", target, "");
    feed = feed_of(fixture);
    assert_int_equal(write(feed, "\2", 1), 1);
    assert_int_equal(receive(fd, head, sizeof head, false, &length), 0);
    ask_to_stop(fixture);
    for (int sent = 0; sent < BIG; sent += 100000) {
        char *bytes = malloc(100000);
        assert_non_null(bytes);
        write_zeros(feed, 100000);
        assert_int_equal(recv(fd, bytes, 100000, MSG_WAITALL), 100000);
        free(bytes);
    }
    (void)fd_close(feed);
    (void)fd_close(fd);
    end(fixture);
}

static void a_stop_does_not_wait_for_ever(void **state)
{
    struct fixture *fixture = start(200);
    int fd = connect_to(fixture), feed;
    (void)state;

    ask(fd, "GET", "/100", "");
    feed = feed_of(fixture);
    end(fixture); /* the source never says a word */
    assert_true(is_broken_within(feed, WAIT_MS));
    (void)fd_close(feed);
    (void)fd_close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_connection_serves_many_requests),
        cmocka_unit_test(large_bodies_are_streamed),
        cmocka_unit_test(unknown_lengths_are_chunked),
        cmocka_unit_test(broken_sources_are_seen),
        cmocka_unit_test(clients_that_go_close_their_source),
        cmocka_unit_test(one_connection_too_many_is_told_so),
        cmocka_unit_test(bodies_of_requests_are_bounded),
        cmocka_unit_test(running_answers_outlive_a_stop),
        cmocka_unit_test(a_stop_does_not_wait_for_ever),
    };
    if (sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
