/* What stands behind the socket descriptors of a process, looked up by inode in the tables of ITS network
 * namespace: /proc/PID/net/{unix,tcp,tcp6,...}. Formats: kernel net/ipv4/tcp_ipv4.c tcp4_seq_show(), udp.c,
 * raw.c, ping.c and their ipv6 twins, net/unix/af_unix.c unix_seq_show(), net/netlink and net/packet af_*.c.
 *
 * The texts:
 *   tcp 127.0.0.1:80 -> 10.0.0.2:5123            (established; other states follow: "... close-wait")
 *   tcp 0.0.0.0:80 listening      udp [::1]:53      udp 10.0.0.1:999 -> 10.0.0.2:53
 *   raw 0.0.0.0 protocol 1        icmp 0.0.0.0:7
 *   unix /run/x.sock              unix @abstract    unix socket:[123]  (no name)
 *   netlink route                 packet protocol 0x0003 interface 2
 *   tcp socket:[123]              (protocol known, not in its table: not bound, or of another namespace)
 *   socket:[123]                  (nothing known) */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SOCKET_PROTOCOL_MAX = 32 };

struct socket_query {
    uint64_t inode;
    size_t place;                       /* of the caller's: which descriptor it asked for */
    char protocol[SOCKET_PROTOCOL_MAX]; /* as socket_protocol_read gave it, "" unknown */
    unsigned tables;                    /* set by sockets_prepare: the tables that may know it */
    char *text;                         /* owned; NULL until found */
};

struct socket_query_list {
    struct socket_query *items;
    size_t count, capacity;
    size_t unanswered; /* kept by sockets_resolve: queries that the table being read may still answer */
};

void socket_query_list_release(struct socket_query_list *list);
#define _cleanup_socket_query_list_ _cleanup_(socket_query_list_release)

/* The kernel's name of the protocol ("TCP", "UNIX-STREAM" ...) of the socket behind the entry `name` of the
 * open directory /proc/PID/fd. "" where it can't be had. */
void socket_protocol_read(int fd_directory, const char *name, char ret_protocol[SOCKET_PROTOCOL_MAX]);

/* Sorts the queries by inode and settles which tables they need. */
void sockets_prepare(struct socket_query_list *list);
/* How many tables there are, and the name of one below net/. */
size_t sockets_table_count(void);
const char *sockets_table_name(size_t table);
/* Takes the whole lines of a piece of a table and fills the texts of the queries they answer. Returns how
 * many bytes were used (all up to the last newline); -ENOMEM. */
ssize_t sockets_scan(size_t table, const char *text, size_t size,
                     struct socket_query_list *list) _must_check_;

/* All of it: reads the tables that are needed, and of them no more than is needed, and leaves every query
 * with a text, at most SOCKET_CACHE_MS old. directory_fd: /proc/PID. -ENOMEM only; a table that can't be read
 * knows nothing. */
int sockets_resolve(int directory_fd, struct socket_query_list *list) _must_check_;
