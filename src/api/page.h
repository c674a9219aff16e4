/* The first page: what this service is and where its routes are. */
#pragma once

#include "base/buffer.h"
#include "service/config.h"

/* prefix: what links begin with, "/prefix" or "http://host/prefix". */
int page_write(const struct config *config, const char *prefix, struct buffer *out) _must_check_;
const char *page_policy(void); /* its Content-Security-Policy: its own style and nothing else */
