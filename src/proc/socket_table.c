#include "proc/socket_table.h"

#include "base/cleanup.h"
#include "base/parse.h"

#include <arpa/inet.h>
#include <inttypes.h>

/* A kernel address: 8 or 32 hex digits, each 4 bytes a number of this machine whose bytes in memory are the
 * address. Writes "1.2.3.4" or "[::1]". */
static bool scan_address(const char **cursor, const char *end, char *text, size_t size, bool *ret_zero)
{
    size_t words = (size_t)(end - *cursor) > 32 && (*cursor)[8] != ':' ? 4 : 1;
    uint32_t address[4];
    char plain[INET6_ADDRSTRLEN];

    *ret_zero = true;
    for (size_t i = 0; i < words; i++) {
        const char *at = *cursor + 8 * i;
        uint64_t word;
        if (end - at < 8 || !scan_hex(&at, *cursor + 8 * i + 8, &word) || at != *cursor + 8 * i + 8)
            return false;
        address[i] = (uint32_t)word;
        *ret_zero = *ret_zero && word == 0;
    }
    if (!inet_ntop(words == 4 ? AF_INET6 : AF_INET, address, plain, sizeof plain))
        return false;
    if (snprintf(text, size, words == 4 ? "[%s]" : "%s", plain) >= (int)size)
        return false;
    *cursor += 8 * words;
    return true;
}

/* "0100007F:0050" */
struct endpoint {
    char address[INET6_ADDRSTRLEN + 2];
    uint64_t port;
    bool any; /* address and port are zero */
};

static bool endpoint_parse(const struct socket_line *line, size_t field, struct endpoint *ret_endpoint)
{
    const char *at = line->start[field], *end = line->end[field];
    bool zero;

    if (!scan_address(&at, end, ret_endpoint->address, sizeof ret_endpoint->address, &zero) ||
        !scan_char(&at, end, ':') || !scan_hex(&at, end, &ret_endpoint->port) || at != end ||
        ret_endpoint->port > UINT16_MAX)
        return false;
    ret_endpoint->any = zero && ret_endpoint->port == 0;
    return true;
}

static bool field_hex(const struct socket_line *line, size_t field, uint64_t *ret_value)
{
    const char *at = line->start[field];
    return scan_hex(&at, line->end[field], ret_value) && at == line->end[field];
}

bool socket_field_u64(const struct socket_line *line, size_t field, uint64_t *ret_value)
{
    const char *at = line->start[field];
    return scan_u64(&at, line->end[field], ret_value) && at == line->end[field];
}

static bool describe_tcp(const struct socket_table *table, const struct socket_line *line, char *text,
                         size_t size)
{
    /* include/net/tcp_states.h, from 1 on */
    static const char *const states[] = {
        "",           "",        " syn-sent",   " syn-received", " fin-wait-1", " fin-wait-2",
        " time-wait", " closed", " close-wait", " last-ack",     " listening",  " closing",
        " new",       " bound"};
    struct endpoint local, remote;
    uint64_t state;

    if (!endpoint_parse(line, 1, &local) || !endpoint_parse(line, 2, &remote) || !field_hex(line, 3, &state))
        return false;
    if (remote.any)
        (void)snprintf(text, size, "%s %s:%" PRIu64 "%s", table->label, local.address, local.port,
                       state < ELEMENTS_OF(states) ? states[state] : ""); /* fits SOCKET_TEXT_MAX */
    else
        (void)snprintf(text, size, "%s %s:%" PRIu64 " -> %s:%" PRIu64 "%s", table->label, local.address,
                       local.port, remote.address, remote.port,
                       state < ELEMENTS_OF(states) ? states[state] : ""); /* fits SOCKET_TEXT_MAX */
    return true;
}

static bool describe_datagram(const struct socket_table *table, const struct socket_line *line, char *text,
                              size_t size)
{
    struct endpoint local, remote;

    if (!endpoint_parse(line, 1, &local) || !endpoint_parse(line, 2, &remote))
        return false;
    if (remote.any)
        (void)snprintf(text, size, "%s %s:%" PRIu64, table->label, local.address, local.port); /* fits */
    else
        (void)snprintf(text, size, "%s %s:%" PRIu64 " -> %s:%" PRIu64, table->label, local.address,
                       local.port, remote.address, remote.port); /* fits */
    return true;
}

/* In place of the port a raw socket shows its IP protocol. */
static bool describe_raw(const struct socket_table *table, const struct socket_line *line, char *text,
                         size_t size)
{
    struct endpoint local;

    if (!endpoint_parse(line, 1, &local))
        return false;
    (void)snprintf(text, size, "%s %s protocol %" PRIu64, table->label, local.address, local.port); /* fits */
    return true;
}

/* The path is what is left of the line: it may hold blanks. */
static bool describe_unix(const struct socket_table *table, const struct socket_line *line, char *text,
                          size_t size)
{
    int length = (int)(line->line_end - line->rest);

    if (length > 0)
        (void)snprintf(text, size, "%s %.*s", table->label, length,
                       line->rest); /* the kernel's limit is 108 */
    else
        (void)snprintf(text, size, "%s socket:[%.*s]", table->label, (int)(line->end[6] - line->start[6]),
                       line->start[6]); /* fits */
    return true;
}

static bool describe_netlink(const struct socket_table *table, const struct socket_line *line, char *text,
                             size_t size)
{
    /* include/uapi/linux/netlink.h */
    static const char *const names[] = {
        "route",   "unused", "usersock",      "firewall",  "sock-diag", "nflog",  "xfrm",    "selinux",
        "iscsi",   "audit",  "fib-lookup",    "connector", "netfilter", "ip6-fw", "dnrtmsg", "kobject-uevent",
        "generic", NULL,     "scsitransport", "ecryptfs",  "rdma",      "crypto", "smc"};
    uint64_t protocol;

    if (!socket_field_u64(line, 1, &protocol))
        return false;
    if (protocol < ELEMENTS_OF(names) && names[protocol])
        (void)snprintf(text, size, "%s %s", table->label, names[protocol]); /* fits */
    else
        (void)snprintf(text, size, "%s %" PRIu64, table->label, protocol); /* fits */
    return true;
}

static bool describe_packet(const struct socket_table *table, const struct socket_line *line, char *text,
                            size_t size)
{
    uint64_t protocol, interface;

    if (!field_hex(line, 3, &protocol) || !socket_field_u64(line, 4, &interface))
        return false;
    if (interface)
        (void)snprintf(text, size, "%s protocol 0x%04" PRIx64 " interface %" PRIu64, table->label, protocol,
                       interface); /* fits */
    else
        (void)snprintf(text, size, "%s protocol 0x%04" PRIx64, table->label, protocol); /* fits */
    return true;
}

/* Cuts fields 0 .. last out of the line. */
bool socket_line_split(const char *at, const char *end, size_t last, struct socket_line *ret_line)
{
    ret_line->count = 0;
    while (ret_line->count <= last) {
        scan_blanks(&at, end);
        if (at == end)
            return false;
        ret_line->start[ret_line->count] = at;
        while (at < end && *at != ' ' && *at != '\t')
            at++;
        ret_line->end[ret_line->count++] = at;
    }
    ret_line->rest = at < end ? at + 1 : at;
    ret_line->line_end = end;
    return true;
}

/* In the order they are tried where the protocol is not known: what processes mostly have comes first. */
const struct socket_table socket_tables[SOCKET_TABLES] = {
    {"unix", "unix", {"UNIX", "UNIX-STREAM"}, 6, describe_unix},
    {"tcp", "tcp", {"TCP"}, 9, describe_tcp},
    {"tcp6", "tcp", {"TCPv6"}, 9, describe_tcp},
    {"udp", "udp", {"UDP"}, 9, describe_datagram},
    {"udp6", "udp", {"UDPv6"}, 9, describe_datagram},
    {"netlink", "netlink", {"NETLINK"}, 9, describe_netlink},
    {"packet", "packet", {"PACKET"}, 8, describe_packet},
    {"raw", "raw", {"RAW"}, 9, describe_raw},
    {"raw6", "raw", {"RAWv6"}, 9, describe_raw},
    {"icmp", "icmp", {"PING"}, 9, describe_datagram},
    {"icmp6", "icmp", {"PINGv6"}, 9, describe_datagram},
    {"udplite", "udplite", {"UDP-Lite"}, 9, describe_datagram},
    {"udplite6", "udplite", {"UDPLITEv6"}, 9, describe_datagram},
};
