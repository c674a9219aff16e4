/* Recorded lines of the socket tables, and what is made of them. */
#include "proc/sockets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

static size_t table_of(const char *name)
{
    for (size_t t = 0; t < sockets_table_count(); t++)
        if (strcmp(sockets_table_name(t), name) == 0)
            return t;
    fail_msg("no table %s", name);
    return 0;
}

static void assert_text(const char *table, const char *line, const char *expected)
{
    struct socket_query query = {.inode = 4711};
    struct socket_query_list list = {.items = &query, .count = 1};

    sockets_prepare(&list);
    assert_int_equal(sockets_scan(table_of(table), line, strlen(line), &list), strlen(line));
    if (!expected) {
        assert_null(query.text);
        return;
    }
    assert_non_null(query.text);
    assert_string_equal(query.text, expected);
    free(query.text);
}

#define REST " 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0\n"

static void reads_each_table(void **state)
{
    (void)state;
    assert_text("tcp", "   0: 0100007F:07E8 00000000:0000 0A" REST, "tcp 127.0.0.1:2024 listening");
    assert_text("tcp", "  11: 0100007F:07E8 0201A8C0:01BB 01" REST, "tcp 127.0.0.1:2024 -> 192.168.1.2:443");
    assert_text("tcp", "  11: 0100007F:07E8 0201A8C0:01BB 02" REST,
                "tcp 127.0.0.1:2024 -> 192.168.1.2:443 syn-sent");
    assert_text("tcp", "  11: 0100007F:07E8 0201A8C0:01BB FF" REST, "tcp 127.0.0.1:2024 -> 192.168.1.2:443");
    assert_text("tcp6",
                "1: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A" REST,
                "tcp [::1]:80 listening");
    assert_text("tcp6",
                "1: B80D0120000000000000000001000000:0050 0000000000000000FFFF00000100007F:FFFF 01" REST,
                "tcp [2001:db8::1]:80 -> [::ffff:127.0.0.1]:65535");
    assert_text("udp", " 100: 00000000:0044 00000000:0000 07" REST, "udp 0.0.0.0:68");
    assert_text("udp6",
                "1: 00000000000000000000000000000000:0222 00000000000000000000000000000000:0000 07" REST,
                "udp [::]:546");
    assert_text("raw", "   1: 00000000:0001 00000000:0000 07" REST, "raw 0.0.0.0 protocol 1");
    assert_text("icmp", "   1: 00000000:0007 00000000:0000 07" REST, "icmp 0.0.0.0:7");
    assert_text("unix", "00000000b77906ac: 00000002 00000000 00010000 0001 01  4711 /run/a  b.sock \n",
                "unix /run/a  b.sock ");
    assert_text("unix", "00000000b77906ac: 00000002 00000000 00010000 0001 01 4711 @\xff@x\n",
                "unix @\xff@x");
    assert_text("unix", "00000000b77906ac: 00000003 00000000 00000000 0001 03  4711\n", "unix socket:[4711]");
    assert_text("netlink",
                "0000000083e025bf 16  0    00000000 0        0        0     2        0        4711    \n",
                "netlink generic");
    assert_text("netlink",
                "0000000083e025bf 17  0    00000000 0        0        0     2        0        4711    \n",
                "netlink 17");
    assert_text("packet", "00000000ffff0000 3      3    0003   2     1 0      0      4711  \n",
                "packet protocol 0x0003 interface 2");
}

static void leaves_out_what_is_broken(void **state)
{
    (void)state;
    assert_text("tcp", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n",
                NULL);
    assert_text("tcp", "   0: 0100007F 00000000:0000 0A" REST, NULL);
    assert_text("tcp", "   0: 0100007F:12345 00000000:0000 0A" REST, NULL);
    assert_text("tcp", "   0: 010000:1234 00000000:0000 0A" REST, NULL);
    assert_text("tcp6", "   0: 0100007F0100007F:1234 00000000:0000 0A" REST, NULL);
    assert_text("tcp", "   0: 0100007F:07E8 00000000:0000 0A 0 0 0 0 0 4712 4711\n", NULL);
    assert_text("unix", "\n\n \n4711\n", NULL);
}

/* Lines come in pieces of any size. */
static void takes_whole_lines_only(void **state)
{
    static const char text[] = "0: 00000002 00000000 00010000 0001 01 4711 /a\n0: 00000002 0";
    struct socket_query query = {.inode = 4711};
    struct socket_query_list list = {.items = &query, .count = 1};
    (void)state;

    sockets_prepare(&list);
    assert_int_equal(sockets_scan(0, text, 20, &list), 0);
    assert_null(query.text);
    assert_int_equal(sockets_scan(0, text, sizeof text - 1, &list), strchr(text, '\n') + 1 - text);
    assert_string_equal(query.text, "unix /a");
    free(query.text);
}

/* A tree without any table: a text all the same. */
static void says_what_is_known_without_tables(void **state)
{
    _cleanup_socket_query_list_ struct socket_query_list list = {0};
    _cleanup_close_ int nowhere = open("/proc/self/fdinfo", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)state;

    assert_true(nowhere >= 0);
    list.items = calloc(4, sizeof list.items[0]);
    assert_non_null(list.items);
    list.count = 4;
    list.items[0] = (struct socket_query){.inode = 4, .protocol = "MPTCPv6"};
    list.items[1] = (struct socket_query){.inode = 3, .protocol = "TCPv6"};
    list.items[2] = (struct socket_query){.inode = 2};
    list.items[3] = (struct socket_query){.inode = 1, .protocol = "UNIX-STREAM"};
    assert_int_equal(sockets_resolve(nowhere, &list), 0);
    assert_string_equal(list.items[0].text, "unix socket:[1]");
    assert_string_equal(list.items[1].text, "socket:[2]");
    assert_string_equal(list.items[2].text, "tcp socket:[3]");
    assert_string_equal(list.items[3].text, "mptcpv6 socket:[4]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_table),
        cmocka_unit_test(leaves_out_what_is_broken),
        cmocka_unit_test(takes_whole_lines_only),
        cmocka_unit_test(says_what_is_known_without_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
