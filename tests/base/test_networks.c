#include "base/networks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

static bool is_in(const char *text, const char *peer)
{
    struct networks networks;
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};

    assert_int_equal(networks_parse(text, &networks), 0);
    if (inet_pton(AF_INET, peer, &ipv4.sin_addr) == 1)
        return networks_hold(&networks, (const struct sockaddr *)&ipv4);
    assert_int_equal(inet_pton(AF_INET6, peer, &ipv6.sin6_addr), 1);
    return networks_hold(&networks, (const struct sockaddr *)&ipv6);
}

static void addresses_are_in_their_networks(void **state)
{
    (void)state;
    assert_true(is_in("10.0.0.0/8", "10.255.0.1"));
    assert_false(is_in("10.0.0.0/8", "11.0.0.1"));
    assert_true(is_in("192.0.2.7", "192.0.2.7"));
    assert_false(is_in("192.0.2.7", "192.0.2.6"));
    assert_true(is_in("192.0.2.128/25", "192.0.2.255"));
    assert_false(is_in("192.0.2.128/25", "192.0.2.127"));
    assert_true(is_in("fd00::/8, 127.0.0.1", "fdff::1"));
    assert_true(is_in(" fd00::/8 127.0.0.1 ", "127.0.0.1"));
    assert_false(is_in("fd00::/8", "fe80::1"));
    assert_true(is_in("0.0.0.0/0", "1.2.3.4"));
    assert_false(is_in("0.0.0.0/0", "2001:db8::1"));
    assert_true(is_in("::/0", "1.2.3.4"));
    assert_false(is_in("", "127.0.0.1"));
    assert_false(is_in("unix", "127.0.0.1"));
}

static void an_ipv4_peer_of_a_socket_for_both_is_the_same(void **state)
{
    (void)state;
    assert_true(is_in("10.0.0.0/8", "::ffff:10.1.2.3"));
    assert_false(is_in("10.0.0.0/8", "::ffff:11.1.2.3"));
}

static void unix_sockets_have_their_word(void **state)
{
    const struct sockaddr_un peer = {.sun_family = AF_UNIX};
    const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    struct networks networks;
    (void)state;

    assert_int_equal(networks_parse("::/0", &networks), 0);
    assert_false(networks_hold(&networks, (const struct sockaddr *)&peer));
    assert_int_equal(networks_parse("::/0,unix", &networks), 0);
    assert_true(networks_hold(&networks, (const struct sockaddr *)&peer));
    assert_false(networks_hold(&networks, &nobody));
    assert_false(networks_hold(&networks, NULL));
}

static void what_is_no_network_is_refused(void **state)
{
    static const char *const wrong[] = {"localhost",  "10.0.0.0/33", "::/129",      "10.0.0/8",   "10.0.0.1/",
                                        "10.0.0.1/x", "/8",          "10.0.0.1/-1", "10.0.0.1:80"};
    struct networks networks;
    char many[33 * 8 + 1] = "", longest[200];
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(wrong); i++)
        assert_int_equal(networks_parse(wrong[i], &networks), -EINVAL);
    memset(longest, '1', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_int_equal(networks_parse(longest, &networks), -EINVAL);
    for (int i = 0; i < 33; i++)
        memcpy(many + 8 * i, "1.2.3.4 ", 9);
    assert_int_equal(networks_parse(many, &networks), -ENOBUFS);
    many[32 * 8] = 0;
    assert_int_equal(networks_parse(many, &networks), 0);
    assert_int_equal(networks.count, NETWORKS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_in_their_networks),
        cmocka_unit_test(an_ipv4_peer_of_a_socket_for_both_is_the_same),
        cmocka_unit_test(unix_sockets_have_their_word),
        cmocka_unit_test(what_is_no_network_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
