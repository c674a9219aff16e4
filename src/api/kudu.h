/* Kudu's routes -> operations. */
#pragma once

#include "api/call.h"

/* Relative to each of the roots. A route's name is its operation's. */
extern const struct route kudu_routes[];
extern const char *const kudu_roots[]; /* "/api/processes", ...; ends with NULL */

/* The route that target is; NULL: none. */
const struct route *kudu_find(const struct target *target, size_t first, enum http_method method);

/* Answers when target is below one of the roots; else false. `first` is the first segment behind the prefix.
 */
bool kudu_handle(const struct caller *caller, struct http_exchange *exchange, const struct target *target,
                 size_t first);
