/* The HTTP server: one thread, one epoll, libmicrohttpd daemons (one a listening socket) for the protocol.
 *
 * An exchange that waits for its source (exchange.h) has its connection suspended, so that thousands of them
 * cost nothing; whether its client is still there is looked at now and then. */
#pragma once

#include "http/exchange.h"

struct http_server;

struct http_settings {
    uint64_t connections;        /* beyond them: 503 with Retry-After */
    uint64_t client_connections; /* of one address by TCP, but for this machine's; 0: no limit of its own */
    uint64_t head_ms, body_ms; /* deadlines of a request: its head, from when it may come, and its body ... */
    uint64_t answer_ms;        /* ... and for an answer that is there whole to be taken; 0: none */
    uint64_t idle_ms;          /* a client that neither sends nor takes anything for so long is left */
    uint64_t stop_ms;          /* what answers still get after http_server_stop */
    const char *const *challenges; /* values of WWW-Authenticate with a 401; ends with NULL. NULL: none */
    void (*handle)(void *context, struct http_exchange *exchange);
    void (*completed)(void *context, const struct http_record *record); /* may be NULL */
    void *context;
};

/* listeners are borrowed; their descriptors become the server's. settings are copied. */
int http_server_new(const struct listeners *listeners, const struct http_settings *settings,
                    struct http_server **ret_server, struct error *error) _must_check_;
void http_server_free(struct http_server *server);

/* Calls ready(context, server) whenever fd has one of the epoll events, or has hung up. fd is borrowed. */
int http_server_watch(struct http_server *server, int fd, uint32_t events,
                      void (*ready)(void *context, struct http_server *server), void *context,
                      struct error *error) _must_check_;

/* No more of them. Also from within a callback. */
void http_server_unwatch(struct http_server *server, int fd);

/* Serves until http_server_stop was called and the answers that ran are given, or their time is over. */
int http_server_run(struct http_server *server, struct error *error) _must_check_;

/* Listens no more, gives the running answers their time. From within a callback of watch. */
void http_server_stop(struct http_server *server);

static inline void cleanup_http_server(struct http_server **server)
{
    http_server_free(*server);
}
#define _cleanup_http_server_ _cleanup_(cleanup_http_server)
