/* What the front answers itself, from its own memory, once the inspector has said that the client may have
 * it: the route has a row in the table of operations for its role, and the operation does nothing, or gives
 * what is to be told beside it. */
#pragma once

#include "api/call.h"

/* Answers. target is the request's, taken apart anew; first as it was given; said what the operation
 * answered. */
typedef void permit_function(void *context, struct http_exchange *exchange, const struct target *target,
                             size_t first, struct buffer *said);

/* Asks, and has answer(context, ...) called, or answers with why not. On failure nothing was answered. */
int permit_ask(const struct caller *caller, struct http_exchange *exchange, const struct operation *operation,
               size_t first, permit_function *answer, void *context, struct error *error) _must_check_;
