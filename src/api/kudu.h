/* Kudu's routes -> operations. */
#pragma once

#include "http/exchange.h"
#include "http/router.h"
#include "http/target.h"
#include "service/client.h"

/* Relative to each of the roots. A route's name is its operation's. */
extern const struct route kudu_routes[];
extern const char *const kudu_roots[]; /* "/api/processes", ...; ends with NULL */

struct kudu_front {
    int channel;        /* to the inspector */
    const char *prefix; /* "" or "/prefix": where the service stands behind a proxy */
};

/* Answers when target is below one of the roots; else false. `first` is the first segment behind the prefix.
 */
bool kudu_handle(const struct kudu_front *front, struct http_exchange *exchange, const struct target *target,
                 size_t first);
