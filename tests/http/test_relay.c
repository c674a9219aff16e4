/* Bytes through a relay: a pipe behind it, a socket before it, either of them full or empty. */
#include "http/relay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

enum { SIZE = 3 * 1024 * 1024 + 77 };

struct pipe_source {
    struct http_source base;
    size_t left;
};

static ssize_t move_piece(struct http_source *base, int pipe, size_t size)
{
    struct pipe_source *source = (struct pipe_source *)base;
    ssize_t n;

    if (source->left == 0)
        return 0;
    n = splice(base->fd, NULL, pipe, NULL, size < source->left ? size : source->left, SPLICE_F_NONBLOCK);
    if (n == 0)
        return -EPIPE;
    source->left -= n > 0 ? (size_t)n : 0;
    return n < 0 ? -errno : n;
}

static const struct http_source_ops ops = {.move = move_piece}, ops_without = {.move = NULL};

struct way {
    struct relay relay;
    struct pipe_source source;
    int input, sockets[2];
    unsigned char *sent, *got;
    size_t put, taken;
};

static void open_way(struct way *way)
{
    int ends[2];

    *way = (struct way){.relay = RELAY_INIT, .sent = malloc(SIZE), .got = malloc(SIZE)};
    assert_true(way->sent && way->got);
    for (size_t i = 0; i < SIZE; i++)
        way->sent[i] = (unsigned char)(i * 131 + i / 4096);
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, way->sockets), 0);
    way->input = ends[1];
    way->source = (struct pipe_source){.base = {.ops = &ops, .fd = ends[0]}, .left = SIZE};
    assert_int_equal(relay_open(&way->relay, &way->source.base, way->sockets[0]), 0);
}

static void close_way(struct way *way)
{
    relay_close(&way->relay);
    assert_false(relay_is_open(&way->relay));
    (void)fd_close(way->input);
    (void)close(way->source.base.fd);
    (void)close(way->sockets[0]);
    (void)close(way->sockets[1]);
    free(way->sent);
    free(way->got);
}

static void feed(struct way *way, size_t most)
{
    size_t size = SIZE - way->put < most ? SIZE - way->put : most;
    ssize_t n = write(way->input, way->sent + way->put, size);

    way->put += n > 0 ? (size_t)n : 0;
}

static void drain(struct way *way, size_t most)
{
    size_t size = SIZE - way->taken < most ? SIZE - way->taken : most;
    ssize_t n = read(way->sockets[1], way->got + way->taken, size);

    way->taken += n > 0 ? (size_t)n : 0;
}

/* What libmicrohttpd does while the socket is full: it has a piece, and sends it once there is room. */
static void send_by_hand(struct way *way)
{
    char piece[100];
    ssize_t n = relay_read(&way->relay, piece, sizeof piece);

    assert_true(n > 0);
    for (ssize_t done = 0; done < n;) {
        ssize_t now = write(way->sockets[0], piece + done, (size_t)(n - done));
        if (now > 0)
            done += now;
        else
            drain(way, 65536);
    }
}

static void check_way(size_t fed, size_t drained)
{
    struct way way;
    ssize_t n = -EAGAIN;
    unsigned full = 0, empty = 0;

    open_way(&way);
    while (n != 0) {
        feed(&way, fed);
        n = relay_run(&way.relay, &way.source.base);
        full += n == -ENOBUFS;
        empty += n == -EAGAIN;
        assert_true(n == 0 || n == -EAGAIN || n == -ENOBUFS);
        if (n == -ENOBUFS && way.relay.held > 0)
            send_by_hand(&way);
        drain(&way, drained);
    }
    while (way.taken < SIZE)
        drain(&way, SIZE);
    assert_memory_equal(way.got, way.sent, SIZE);
    assert_true(fed < SIZE || full > 0); /* both ends were met with */
    assert_true(drained < SIZE || empty > 0);
    close_way(&way);
}

static void slow_readers_and_slow_writers(void **state)
{
    (void)state;
    check_way(SIZE, 10000);
    check_way(10000, SIZE);
    check_way(4096, 4096 * 3);
    check_way(70001, 70000);
}

static void a_cut_is_seen(void **state)
{
    struct way way;
    ssize_t n = -EAGAIN;
    (void)state;

    open_way(&way);
    feed(&way, 5000);
    way.input = fd_close(way.input);
    while (n == -EAGAIN || n == -ENOBUFS)
        n = relay_run(&way.relay, &way.source.base);
    assert_int_equal(n, -EPIPE);
    drain(&way, SIZE);
    assert_int_equal(way.taken, 5000); /* what had come has gone on */
    close_way(&way);
}

static void a_client_that_goes(void **state)
{
    struct way way;
    (void)state;

    open_way(&way);
    feed(&way, 5000);
    (void)shutdown(way.sockets[1], SHUT_RDWR);
    assert_int_equal(relay_run(&way.relay, &way.source.base), -EPIPE);
    close_way(&way);
}

static void sources_that_can_not(void **state)
{
    struct relay relay = RELAY_INIT;
    struct http_source source = {.ops = &ops_without, .fd = -1};
    (void)state;

    assert_int_equal(relay_open(&relay, &source, 0), -EOPNOTSUPP);
    assert_false(relay_is_open(&relay));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_readers_and_slow_writers),
        cmocka_unit_test(a_cut_is_seen),
        cmocka_unit_test(a_client_that_goes),
        cmocka_unit_test(sources_that_can_not),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* as in the front */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
