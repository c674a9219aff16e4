/* Private to http: the open connections, and which of them have to go. libmicrohttpd's own timeouts begin
 * anew with every byte, so that one byte now and then keeps a connection for ever, and at its limit it just
 * accepts no more. Here a request has a deadline for its head, one for its body and one for a small answer to
 * be taken; a client has a limit; and where all places are taken, those that ask for nothing make room. */
#pragma once

#include "http/exchange_private.h"
#include "http/server.h"

#include <netinet/in.h>

enum {
    CONNECTION_NAME_SIZE = 128,
    CONNECTIONS_LOOK_MS = 500,     /* how often deadlines are looked at */
    CONNECTION_PATIENCE_MS = 1000, /* who asks for nothing keeps his place so long, when others want it */
    CONNECTIONS_TRIM_MIN = 32,     /* from so many on their memory is given back when most have gone */
};

enum connection_phase {
    CONNECTION_HEAD,   /* of the next request: nothing of it has come, or a part */
    CONNECTION_BODY,   /* of the request */
    CONNECTION_STREAM, /* the answer comes from elsewhere at its own pace, which has its own bounds */
    CONNECTION_ANSWER, /* all of the answer is there, to be taken */
};

struct http_connection {
    struct server_daemon *daemon;
    int socket;      /* borrowed */
    bool is_refused; /* one too many: it is told so, and no more */
    bool is_closed;  /* by us: libmicrohttpd is about to notice */
    enum connection_phase phase;
    uint64_t since_ms;                     /* of the phase */
    struct http_connection *older, *newer; /* all of the server */
    struct in6_addr address;               /* of a client by TCP; all zeros else */
    /* who the client's certificate says that it is: looked at once, and again when TLS was set up anew; ""
     * none, or it has expired */
    unsigned tls_generation; /* 0: not yet */
    char client_name[CONNECTION_NAME_SIZE];
    int64_t client_expires;
};

struct connection_list {
    struct http_connection *oldest, *newest;
    uint64_t count; /* with those that there was no memory for */
    uint64_t most;  /* that there were at once since memory was given back */
    uint64_t looked_ms;
};

/* NULL without memory: then it is one that has no deadlines and shows no certificate. Whether it is one too
 * many is decided here, and room made for it. */
struct http_connection *connection_add(struct connection_list *list, const struct http_settings *settings,
                                       struct server_daemon *daemon, struct MHD_Connection *mhd);
void connection_remove(struct connection_list *list, struct http_connection *connection); /* accepts NULL */

/* NULL: there was no memory for one. */
struct http_connection *connection_of(struct MHD_Connection *mhd);
void connection_enter(struct http_connection *connection, enum connection_phase phase); /* accepts NULL */

/* Closes those past their deadlines, and makes room where all places are taken. Does nothing when called
 * again within CONNECTIONS_LOOK_MS. */
void connections_look(struct connection_list *list, const struct http_settings *settings);
