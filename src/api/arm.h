/* Azure Resource Manager's routes -> operations, and the envelopes that Kudu has for Azure's front end.
 * docs/ARM.md */
#pragma once

#include "api/call.h"

/* Relative to a site, or to a slot of it, or to an instance of either. A route's name is its operation's; but
 * for "instances" and "instance". */
extern const struct route arm_routes[];
extern const char
    *const arm_roots[]; /* "/subscriptions/{subscriptionId}/...", for openapi.json; ends with NULL */

/* The route that target is; NULL: none. */
const struct route *arm_find(const struct target *target, size_t first, enum http_method method);

/* Answers when target is below /subscriptions; else false. `first` is the first segment behind the prefix. */
bool arm_handle(const struct caller *caller, struct http_exchange *exchange, const struct target *target,
                size_t first);

/* The instance that one of its paths names; NULL: none, or it is no such path. */
const char *arm_instance(const struct target *target, size_t first);
/* Whether its front end says that the client may only read. */
bool arm_is_for_reader(const struct caller *caller, const struct http_exchange *exchange);

/* Whether a request to Kudu's own routes came through Azure's front end, which wants envelopes. */
bool arm_is_wanted(const struct http_exchange *exchange);
/* Makes the request for such a one: envelopes, and what its client may see. */
int arm_prepare_enveloped(const struct caller *caller, const struct http_exchange *exchange,
                          struct request *request, struct error *error) _must_check_;
/* 403 for operations that those may not have who only read. */
int arm_check_reader(const struct request *request, const struct operation *operation,
                     struct error *error) _must_check_;
