/* The description of all routes for programs (OpenAPI 3.1): paths from the tables of routes and operations,
 * so that they stay true, the shapes of answers from assets/schemas.json. */
#pragma once

#include "base/buffer.h"

/* has_monitor: with dotnet-monitor's routes. */
int openapi_write(const char *prefix, bool has_monitor, struct buffer *out) _must_check_;
/* What that has written, with another prefix: a copy costs much less than to write it, and anybody may ask.
 */
int openapi_copy(const struct buffer *text, const char *prefix, struct buffer *out) _must_check_;
