/* A request as Kudu's route for it: what the service's router (src/api) takes apart again. */
#pragma once

#include "ops/request.h"

/* method gets a literal; path (appended to) gets "/api/processes/42/dump?dumpType=2". -EOPNOTSUPP for an
 * operation that has no route. */
int route_of(const struct request *request, const char **ret_method, struct buffer *path) _must_check_;
