/* What server.c and exchange.c share. */
#pragma once

#include "http/body.h"
#include "http/exchange.h"
#include "http/relay.h"

#include <microhttpd.h>
#include <stdint.h>

enum { EXCHANGE_HEADERS_MAX = 24 };

enum exchange_state {
    EXCHANGE_RECEIVING, /* the request */
    EXCHANGE_WAITING,   /* suspended, for its source's head, or for a small body whole */
    EXCHANGE_ANSWERED,  /* its response stands in `response`, to be queued */
    EXCHANGE_STREAMING, /* the source's bytes go out */
    EXCHANGE_STALLED,   /* suspended, for the source's next bytes */
    EXCHANGE_ABANDONED, /* to be cut off: the client or the source is gone */
};

/* What an event of the server's epoll is about; first in what its data points to. */
enum event_kind { EVENT_EXCHANGE, EVENT_DAEMON, EVENT_WATCH };

struct server_daemon {
    enum event_kind kind; /* EVENT_DAEMON */
    struct http_server *server;
    struct MHD_Daemon *mhd;
    const struct listener *listener;
    bool is_due; /* has something to do now */
};

struct exchange_header {
    char *name, *value; /* owned; one allocation, value points into it */
};

struct http_exchange {
    enum event_kind kind; /* EVENT_EXCHANGE */
    struct http_server *server;
    struct server_daemon *daemon;
    struct MHD_Connection *connection;
    enum http_method method;
    enum exchange_state state;
    enum problem_form problem_form;
    bool is_seen;              /* the handler of libmicrohttpd was called once */
    bool is_refused;           /* the connection is closed behind the answer */
    bool is_of_allowed_origin; /* cors_allow */
    struct request_body body;  /* of a POST is kept */
    char *target;
    struct exchange_header headers[EXCHANGE_HEADERS_MAX];
    size_t header_count;
    struct MHD_Response *response; /* not yet queued */
    unsigned status;
    bool is_whole; /* its body has come to its end */
    uint64_t began_ns;
    const char *root; /* of its route, which are both static; NULL: none */
    const struct route *route;

    struct http_source *source;
    bool is_watched; /* source->fd is in the epoll */
    bool has_head;   /* source_head is valid */
    struct http_source_head head;
    struct relay relay;                    /* where its bytes go past libmicrohttpd */
    struct buffer gathered;                /* a small body */
    struct http_exchange *previous, *next; /* in the server's list of suspended ones */
};

struct http_exchange *exchange_new(struct server_daemon *daemon, struct MHD_Connection *connection,
                                   const char *target);
void exchange_free(struct http_exchange *exchange);

/* What is to be told of one that is over. is_whole: libmicrohttpd thinks that all was sent. */
struct http_record exchange_record(const struct http_exchange *exchange, bool is_whole);

/* Gives up the source and whatever of the answer was prepared. */
void exchange_drop_source(struct http_exchange *exchange);

/* Moves on with what the source has. Returns 0 when the state is no longer WAITING (a response is there),
 * -EAGAIN when there is more to wait for. */
int exchange_advance(struct http_exchange *exchange) _must_check_;

/* early.c: answers that need not wait for the request's body. True where there is one. */
bool exchange_answer_early(struct http_exchange *exchange, const char *version);

static inline bool exchange_is_suspended(const struct http_exchange *exchange)
{
    return exchange->state == EXCHANGE_WAITING || exchange->state == EXCHANGE_STALLED;
}

/* cors.c: what lets a page of an allowed origin read the answer. */
void cors_add_headers(const struct http_exchange *exchange, struct MHD_Response *response);

/* server.c: puts the source's descriptor into the epoll. */
int server_watch(struct http_exchange *exchange) _must_check_;
void server_add_challenges(const struct http_server *server, struct MHD_Response *response);
/* server.c, for the reader of a streamed body: suspends until the source has more. */
void server_suspend(struct http_exchange *exchange, enum exchange_state state);
