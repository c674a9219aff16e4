/* Where debug files come from, as configured: directories of this machine, and debuginfod servers, which are
 * asked only where an operator has named some. What they send is parsed by libdebuginfod and libcurl in a
 * process of its own, which has no rights and is ended when it takes too long. */
#pragma once

#include "service/config.h"

/* For this process, once. config is borrowed for ever. drops: the asking process becomes config->user where
 * we are root, and keeps nothing on disk unless a cache is configured. */
int debuginfo_configure(const struct config *config, bool drops, struct error *error) _must_check_;

/* From now on an answer may wait for servers for debuginfod-timeout once more. */
void debuginfo_begin_answer(void);
