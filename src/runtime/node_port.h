/* Where the processes of a network namespace listen for TCP connections, and which of it is one process's
 * own: how the inspector of Node is found once it is open. */
#pragma once

#include "base/cleanup.h"
#include "proc/pidref.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { NODE_PORTS_MAX = 4096 };

struct node_port {
    uint64_t inode;
    int family;          /* AF_INET, AF_INET6 */
    uint8_t address[16]; /* in the order of the network */
    uint16_t port;
};

struct node_ports {
    struct node_port *items;
    size_t count;
};

void node_ports_release(struct node_ports *ports);
#define _cleanup_node_ports_ _cleanup_(node_ports_release)

/* Of the process's network namespace, whoever listens. -EFBIG: more than NODE_PORTS_MAX. */
int node_ports_read(const struct pidref *process, struct node_ports *ret_ports) _must_check_;

/* A line of /proc/net/tcp or tcp6. False where it is none, or of a socket that does not listen. */
bool node_port_parse(const char *line, size_t size, struct node_port *ret_port);

/* Whether a descriptor of the process is that socket: 1, 0; -EACCES: its descriptors can't be seen. */
int node_port_is_own(const struct pidref *process, const struct node_port *port) _must_check_;

/* Its own one that is not among `before`, that of number `rather` before others: 1, 0 or a negative errno. */
int node_port_find_new(const struct pidref *process, const struct node_ports *before, uint16_t rather,
                       struct node_port *ret_port) _must_check_;

/* Where to connect to it from the same namespace; "127.0.0.1:9229" as HTTP says it. */
enum { NODE_PORT_TEXT = 64 };
void node_port_address(const struct node_port *port, struct sockaddr_storage *ret_address,
                       socklen_t *ret_size, char ret_text[NODE_PORT_TEXT]);
