#include "http/relay.h"

#include <errno.h>
#include <fcntl.h>

enum {
    PIPE_SIZE = 256 * 1024, /* small enough to stay in the processor's cache */
    TURNS = 32,             /* pipes full, before other clients have their turn */
};

int relay_open(struct relay *relay, const struct http_source *source, int socket)
{
    if (!source->ops->move)
        return -EOPNOTSUPP;
    if (pipe2(relay->ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        *relay = RELAY_INIT;
        return -errno;
    }
    (void)fcntl(relay->ends[1], F_SETPIPE_SZ, PIPE_SIZE); /* only faster */
    relay->socket = socket;
    relay->held = 0;
    return 0;
}

void relay_close(struct relay *relay)
{
    (void)fd_close(relay->ends[0]); /* always -1 */
    (void)fd_close(relay->ends[1]); /* likewise */
    *relay = RELAY_INIT;
}

/* The pipe is not empty: nothing moves only where the socket is full. */
static int send_held(struct relay *relay)
{
    while (relay->held > 0) {
        ssize_t n =
            splice(relay->ends[0], NULL, relay->socket, NULL, relay->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 && errno != EAGAIN ? -errno : -ENOBUFS;
        relay->held -= (uint64_t)n;
    }
    return 0;
}

ssize_t relay_run(struct relay *relay, struct http_source *source)
{
    for (unsigned turn = 0; turn < TURNS; turn++) {
        ssize_t n;
        int r = send_held(relay);

        if (r < 0)
            return r;
        n = source->ops->move(source, relay->ends[1], PIPE_SIZE);
        if (n <= 0)
            return n;
        relay->held += (uint64_t)n;
    }
    return -ENOBUFS;
}

ssize_t relay_read(struct relay *relay, void *bytes, size_t size)
{
    ssize_t n;

    do {
        n = read(relay->ends[0], bytes, size < relay->held ? size : relay->held);
    } while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? -errno : -EPIPE;
    relay->held -= (uint64_t)n;
    return n;
}
