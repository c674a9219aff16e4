/* Private to the configuration: one key set from text. */
#pragma once

#include "service/config.h"

/* where: "FILE line 12" or "--key", for the error. A flag is stronger than the file. */
int config_set(struct config *config, const struct config_key *key, const char *value, bool is_flag,
               const char *where, struct error *error) _must_check_;
