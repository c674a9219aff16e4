/* The exchanges whose connections are suspended. libmicrohttpd does not see that a suspended client has gone,
 * so it is looked at here: an operation that nobody waits for any more should not go on. */
#pragma once

#include "http/exchange_private.h"

enum { SUSPENDED_LOOK_MS = 500 };

struct suspended_list {
    struct http_exchange *first;
    uint64_t looked_ms; /* when last */
};

void suspended_add(struct suspended_list *list, struct http_exchange *exchange);
void suspended_remove(struct suspended_list *list, struct http_exchange *exchange);

/* Calls gone for each whose client has hung up or closed its sending side; gone removes it. Does nothing when
 * called again within SUSPENDED_LOOK_MS. */
void suspended_look(struct suspended_list *list, void (*gone)(struct http_exchange *exchange));
