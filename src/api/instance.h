/* Which instance a request is for, and what is done where that is another one: docs/INSTANCES.md. */
#pragma once

#include "api/call.h"

/* Looks at, the first of these that is there:
 *
 *     the path                   /instances/ID/..., or the same in one of ARM's
 *     the header                 X-Procscope-Instance: ID
 *     the query                  ?instance=ID, which sets the cookie
 *     the cookie                 ARRAffinity=ID
 *
 * True: it was answered, or goes to another instance. False: it is ours to answer; *first then is behind
 * /instances/ID, and ret_caller what its hrefs begin with. */
bool instance_handle(const struct caller *caller, struct http_exchange *exchange, const struct target *target,
                     size_t *first, struct caller *ret_caller);
void instance_caller_release(struct caller *caller, const struct caller *original);

/* GET /api/instances and /api/instances/self. */
void instance_answer_list(const struct caller *caller, struct http_exchange *exchange);
void instance_answer_self(const struct caller *caller, struct http_exchange *exchange);

/* Whether another instance has passed the request on to us. */
bool instance_is_passed_on(const struct http_exchange *exchange);
