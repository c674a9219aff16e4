/* Private to http: what is known of each open connection. */
#pragma once

#include "http/exchange_private.h"

enum { CONNECTION_NAME_SIZE = 128 };

struct http_connection {
    struct server_daemon *daemon;
    struct MHD_Connection *mhd;
    int socket;                            /* borrowed */
    bool is_refused;                       /* one too many: it is told so, and no more */
    struct http_connection *older, *newer; /* all of the server */
    /* who the client's certificate says that it is: looked at once, and again when TLS was set up anew */
    unsigned tls_generation; /* 0: not yet */
    char client_name[CONNECTION_NAME_SIZE];
};

/* NULL: there was no memory for one. */
struct http_connection *connection_of(const struct http_exchange *exchange);
