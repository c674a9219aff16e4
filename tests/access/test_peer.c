/* Who is at the other end, of connections and of what is none. */
#include "access/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listen_tcp(const char *host, int family, union peer_address *address)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = family == AF_INET ? sizeof address->v4 : sizeof address->v6;

    *address = (union peer_address){0};
    address->any.sa_family = (sa_family_t)family;
    assert_int_equal(
        inet_pton(family, host, family == AF_INET ? (void *)&address->v4.sin_addr : &address->v6.sin6_addr),
        1);
    if (fd < 0 || bind(fd, &address->any, size) < 0)
        return fd_close(fd);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, &address->any, &size), 0);
    return fd;
}

static void loopback_is_told_from_others(void **state)
{
    static const struct {
        const char *host;
        int family;
        bool is_local;
    } hosts[] = {{"127.0.0.1", AF_INET, true}, {"::1", AF_INET6, true}, {"0.0.0.0", AF_INET, false}};
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(hosts); i++) {
        struct peer_listeners listeners;
        union peer_address address;
        struct peer peer;
        int fd = listen_tcp(hosts[i].host, hosts[i].family, &address), client, connection;

        if (fd < 0) /* no IPv6 here */
            continue;
        assert_int_equal(peer_listeners_learn(&fd, 1, &listeners), 0);
        assert_int_equal(listeners.count, 1);
        assert_int_equal(peer_listeners_are_local(&listeners), hosts[i].is_local);
        if (hosts[i].family == AF_INET)
            address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        client = socket(hosts[i].family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(
            connect(client, &address.any, hosts[i].family == AF_INET ? sizeof address.v4 : sizeof address.v6),
            0);
        connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        peer_read(&listeners, connection, &peer);
        assert_int_equal(peer.kind, PEER_LOOPBACK);
        assert_string_equal(peer.text, hosts[i].family == AF_INET ? "127.0.0.1" : "::1");
        peer_read(&listeners, client, &peer); /* it is no end of ours, though it is of this machine */
        assert_int_equal(peer.kind, PEER_OTHER);
        assert_string_equal(peer.text, "");
        peer_read(&listeners, fd, &peer);
        assert_int_equal(peer.kind, PEER_OTHER);
        (void)close(client);
        (void)close(connection);
        (void)close(fd);
    }
}

static void what_is_no_connection_is_nobodys(void **state)
{
    struct peer_listeners none;
    int pair[2], fds[] = {STDIN_FILENO, STDERR_FILENO};
    struct peer peer;
    (void)state;

    assert_int_equal(peer_listeners_learn(fds, ELEMENTS_OF(fds), &none), 0);
    assert_int_equal(none.count, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    const int tried[] = {-1, pair[0], pair[1], STDIN_FILENO, 9999};
    for (size_t i = 0; i < ELEMENTS_OF(tried); i++) {
        peer_read(&none, tried[i], &peer);
        assert_int_equal(peer.kind, PEER_OTHER);
        assert_int_equal(peer.user, (uid_t)-1);
    }
    (void)close(pair[0]);
    (void)close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loopback_is_told_from_others),
        cmocka_unit_test(what_is_no_connection_is_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
