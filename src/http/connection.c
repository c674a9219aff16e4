#include "http/connection.h"

#include "base/clock.h"

#include <malloc.h>
#include <string.h>
#include <sys/socket.h>

/* IPv4 as IPv6 writes it. */
static void read_address(struct http_connection *connection)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer = {0};
    socklen_t size = sizeof peer;

    if (getpeername(connection->socket, &peer.any, &size) < 0)
        return;
    if (peer.any.sa_family == AF_INET6) {
        connection->address = peer.v6.sin6_addr;
    } else if (peer.any.sa_family == AF_INET) {
        connection->address.s6_addr[10] = connection->address.s6_addr[11] = 0xff;
        memcpy(&connection->address.s6_addr[12], &peer.v4.sin_addr, sizeof peer.v4.sin_addr);
    }
}

/* A proxy on this machine, and whoever comes by a Unix socket, stands for many clients. */
static bool is_counted(const struct in6_addr *address)
{
    return !IN6_IS_ADDR_UNSPECIFIED(address) && !IN6_IS_ADDR_LOOPBACK(address) &&
           !(IN6_IS_ADDR_V4MAPPED(address) && address->s6_addr[12] == 127);
}

/* Of IPv6 a client has a whole network. */
static bool is_same_client(const struct in6_addr *a, const struct in6_addr *b)
{
    return memcmp(a, b, IN6_IS_ADDR_V4MAPPED(a) ? sizeof *a : sizeof *a / 2) == 0;
}

static uint64_t count_of_client(const struct connection_list *list, const struct in6_addr *address)
{
    uint64_t count = 0;

    for (const struct http_connection *other = list->oldest; other; other = other->newer)
        count += !other->is_closed && is_same_client(&other->address, address);
    return count;
}

/* libmicrohttpd sees the end of the stream, and closes it. */
static void shut(struct http_connection *connection)
{
    if (connection->socket >= 0)
        (void)shutdown(connection->socket, SHUT_RDWR); /* else it has gone by itself */
    connection->is_closed = true;
}

/* Closes up to `wanted` of those that ask for nothing, the longest ones first. Returns how many. */
static uint64_t make_room(struct connection_list *list, uint64_t now_ms, uint64_t wanted)
{
    uint64_t made = 0;

    for (struct http_connection *one = list->oldest; one && made < wanted; one = one->newer) {
        if (one->is_closed || one->phase != CONNECTION_HEAD ||
            now_ms - one->since_ms < CONNECTION_PATIENCE_MS)
            continue;
        shut(one);
        made++;
    }
    return made;
}

static bool is_one_too_many(struct connection_list *list, const struct http_settings *settings,
                            const struct http_connection *connection)
{
    if (settings->client_connections > 0 && is_counted(&connection->address) &&
        count_of_client(list, &connection->address) > settings->client_connections)
        return true;
    return list->count > settings->connections && make_room(list, connection->since_ms, 1) == 0;
}

struct http_connection *connection_add(struct connection_list *list, const struct http_settings *settings,
                                       struct server_daemon *daemon, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct http_connection *connection = calloc(1, sizeof *connection);

    if (++list->count > list->most)
        list->most = list->count;
    if (!connection)
        return NULL;
    *connection = (struct http_connection){.daemon = daemon,
                                           .socket = info ? info->connect_fd : -1,
                                           .since_ms = clock_monotonic_ms(),
                                           .older = list->newest};
    read_address(connection);
    if (list->newest)
        list->newest->newer = connection;
    else
        list->oldest = connection;
    list->newest = connection;
    connection->is_refused = is_one_too_many(list, settings, connection);
    return connection;
}

/* The C library keeps what was freed below something that is still there: 50 MiB after 10,000 connections. At
 * each quarter, so that those that end together are freed before the last of them. */
static void give_memory_back(struct connection_list *list)
{
    if (list->most < CONNECTIONS_TRIM_MIN || list->count > list->most / 4)
        return;
    (void)malloc_trim(0); /* 0: there was nothing */
    list->most = list->count;
}

void connection_remove(struct connection_list *list, struct http_connection *connection)
{
    list->count--;
    give_memory_back(list);
    if (!connection)
        return;
    *(connection->older ? &connection->older->newer : &list->oldest) = connection->newer;
    *(connection->newer ? &connection->newer->older : &list->newest) = connection->older;
    free(connection);
}

struct http_connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

void connection_enter(struct http_connection *connection, enum connection_phase phase)
{
    if (!connection)
        return;
    connection->phase = phase;
    connection->since_ms = clock_monotonic_ms();
}

static uint64_t limit_of(const struct http_settings *settings, enum connection_phase phase)
{
    switch (phase) {
    case CONNECTION_HEAD:
        return settings->head_ms;
    case CONNECTION_BODY:
        return settings->body_ms;
    case CONNECTION_ANSWER:
        return settings->answer_ms;
    case CONNECTION_STREAM:
        break;
    }
    return 0;
}

void connections_look(struct connection_list *list, const struct http_settings *settings)
{
    uint64_t now = clock_monotonic_ms();

    if (!list->oldest || now - list->looked_ms < CONNECTIONS_LOOK_MS)
        return;
    list->looked_ms = now;
    for (struct http_connection *one = list->oldest; one; one = one->newer) {
        uint64_t limit = limit_of(settings, one->phase);
        if (!one->is_closed && limit > 0 && now - one->since_ms > limit)
            shut(one);
    }
    /* Where all places are taken nobody is accepted, so nobody would make room by coming: a quarter is made.
     */
    if (list->count >= settings->connections)
        (void)make_room(list, now, settings->connections / 2 + 1);
}
