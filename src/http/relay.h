/* A large body on its way from a source's pipe into a socket, without a copy: the kernel hands the pages on
 * (splice). A pipe of our own stands between them, since the kernel keeps the pipe that it sends from locked
 * for as long as TCP takes, and whoever fills the source's pipe would wait for that. */
#pragma once

#include "http/exchange.h"

struct relay {
    int ends[2];   /* of our pipe; -1: no relay */
    int socket;    /* borrowed */
    uint64_t held; /* bytes in the pipe */
};

#define RELAY_INIT ((struct relay){.ends = {-1, -1}, .socket = -1})

/* -EOPNOTSUPP where the source can't, or why there is no pipe. */
int relay_open(struct relay *relay, const struct http_source *source, int socket) _must_check_;
void relay_close(struct relay *relay);

static inline bool relay_is_open(const struct relay *relay)
{
    return relay->ends[0] >= 0;
}

/* Moves on what it can. 0: all is through; -EAGAIN: wait for the source; -ENOBUFS: wait for the socket, or
 * others have their turn; else the source's error. */
ssize_t relay_run(struct relay *relay, struct http_source *source) _must_check_;
/* After -ENOBUFS: the next bytes, for libmicrohttpd to wait for the socket with. > 0 */
ssize_t relay_read(struct relay *relay, void *bytes, size_t size) _must_check_;
