/* Who is at the other end of a connection, as the kernel says of the socket itself: so that nobody who has
 * the socket can say otherwise. */
#pragma once

#include "base/error.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/un.h>

enum { PEER_ADDRESSES_MAX = 16, PEER_TEXT_SIZE = 64 };

union peer_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

/* Where we listen. Only a connection that came in there counts: a process has other sockets, too, and the
 * kernel says of the journal's that root is at the other end. */
struct peer_listeners {
    struct {
        union peer_address address;
        socklen_t size;
    } items[PEER_ADDRESSES_MAX];
    size_t count;
};

/* Those among fds that listen. */
int peer_listeners_learn(const int *fds, size_t count, struct peer_listeners *ret_listeners) _must_check_;
/* Whether all are Unix sockets, or TCP that only this machine can reach. */
bool peer_listeners_are_local(const struct peer_listeners *listeners);

enum peer_kind {
    PEER_OTHER,    /* from another machine, or nobody knows from where */
    PEER_LOOPBACK, /* from this machine, by TCP */
    PEER_USER,     /* from this machine, by a Unix socket */
};

struct peer {
    enum peer_kind kind;
    uid_t user;                /* of PEER_USER, when it connected; else (uid_t)-1 */
    char text[PEER_TEXT_SIZE]; /* its address without port, or "unix:UID"; "" unknown */
};

/* fd: any descriptor at all, or -1. What is no connection of ours is a PEER_OTHER without text. */
void peer_read(const struct peer_listeners *listeners, int fd, struct peer *ret_peer);
