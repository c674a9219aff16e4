#include "access/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

static bool listens(int fd)
{
    int value = 0;
    socklen_t size = sizeof value;

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value != 0;
}

int peer_listeners_learn(const int *fds, size_t count, struct peer_listeners *ret_listeners)
{
    struct peer_listeners listeners = {0};

    for (size_t i = 0; i < count; i++) {
        union peer_address *address = &listeners.items[listeners.count].address;
        socklen_t size = sizeof *address;

        if (!listens(fds[i]))
            continue;
        if (listeners.count == PEER_ADDRESSES_MAX)
            return -ENOBUFS;
        if (getsockname(fds[i], &address->any, &size) < 0)
            return -errno;
        listeners.items[listeners.count++].size = size;
    }
    *ret_listeners = listeners;
    return 0;
}

static bool is_loopback(const union peer_address *address)
{
    if (address->any.sa_family == AF_INET)
        return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
    return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
}

bool peer_listeners_are_local(const struct peer_listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        const union peer_address *address = &listeners->items[i].address;
        if (address->any.sa_family != AF_UNIX && !is_loopback(address))
            return false;
    }
    return true;
}

/* One that listens on all addresses has connections at each of them. */
static bool is_address_of(const union peer_address *own, socklen_t own_size,
                          const union peer_address *listener, socklen_t listener_size)
{
    if (own->any.sa_family != listener->any.sa_family)
        return false;
    switch (own->any.sa_family) {
    case AF_INET:
        return own->v4.sin_port == listener->v4.sin_port &&
               (listener->v4.sin_addr.s_addr == htonl(INADDR_ANY) ||
                listener->v4.sin_addr.s_addr == own->v4.sin_addr.s_addr);
    case AF_INET6:
        return own->v6.sin6_port == listener->v6.sin6_port &&
               (IN6_IS_ADDR_UNSPECIFIED(&listener->v6.sin6_addr) ||
                IN6_ARE_ADDR_EQUAL(&listener->v6.sin6_addr, &own->v6.sin6_addr));
    case AF_UNIX: /* one without a name is that of a pair or of a client */
        return own_size > offsetof(struct sockaddr_un, sun_path) && own_size == listener_size &&
               memcmp(own, listener, own_size) == 0;
    default:
        return false;
    }
}

static bool came_in(const struct peer_listeners *listeners, int fd, union peer_address *ret_own)
{
    socklen_t size = sizeof *ret_own;

    if (getsockname(fd, &ret_own->any, &size) < 0)
        return false;
    for (size_t i = 0; i < listeners->count; i++)
        if (is_address_of(ret_own, size, &listeners->items[i].address, listeners->items[i].size))
            return true;
    return false;
}

void peer_read(const struct peer_listeners *listeners, int fd, struct peer *ret_peer)
{
    struct peer peer = {.user = (uid_t)-1};
    union peer_address own, other;
    socklen_t size = sizeof other;
    struct ucred credentials;

    memset(&own, 0, sizeof own);
    memset(&other, 0, sizeof other);
    *ret_peer = peer;
    /* of one that listens the kernel says who made it, which is root */
    if (fd < 0 || listens(fd) || !came_in(listeners, fd, &own) || getpeername(fd, &other.any, &size) < 0)
        return;
    if (own.any.sa_family == AF_UNIX) {
        size = sizeof credentials;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
            return;
        peer.kind = PEER_USER;
        peer.user = credentials.uid;
        (void)snprintf(peer.text, sizeof peer.text, "unix:%u", (unsigned)credentials.uid); /* fits */
    } else {
        peer.kind = is_loopback(&own) && is_loopback(&other) ? PEER_LOOPBACK : PEER_OTHER;
        if (!inet_ntop(other.any.sa_family,
                       other.any.sa_family == AF_INET ? (void *)&other.v4.sin_addr : &other.v6.sin6_addr,
                       peer.text, sizeof peer.text))
            peer.text[0] = '\0';
    }
    *ret_peer = peer;
}
