/* A list of networks, as it stands in the configuration: addresses, networks (10.0.0.0/8, fd00::/8) and the
 * word "unix", with blanks or commas between. */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { NETWORKS_MAX = 32 };

struct network {
    uint8_t address[16]; /* of IPv4 as ::ffff:a.b.c.d */
    unsigned bits;       /* of those 128 */
};

struct networks {
    struct network items[NETWORKS_MAX];
    size_t count;
    bool has_unix; /* whoever comes by a unix socket */
};

/* -EINVAL: it is something else; -ENOBUFS: more than NETWORKS_MAX. ret_networks is untouched on failure. */
int networks_parse(const char *text, struct networks *ret_networks) _must_check_;

/* Whether a peer is in one of them. NULL, and any family that is not known: no. */
bool networks_hold(const struct networks *networks, const struct sockaddr *peer);
