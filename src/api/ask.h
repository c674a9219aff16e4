/* A request of a client on its way to the inspector, with all that says who the client is: the Authorization
 * header as it came, whose certificate it is, and the connection itself. */
#pragma once

#include "http/exchange.h"
#include "service/client.h"

/* As inspector_call; request must not have a credential yet, and is left with the exchange's. */
int ask_inspector(int channel, const struct http_exchange *exchange, struct request *request,
                  int *ret_answer_fd, struct error *error) _must_check_;
