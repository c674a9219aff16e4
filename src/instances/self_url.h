/* Under which address others reach us. */
#pragma once

#include "http/listen.h"
#include "instances/url.h"

/* From where we listen: an address that is no loopback; behind a wildcard, local_address, with which we have
 * just reached others; loopback, where they are on this machine, too (local_address is loopback). 0, or
 * -ENOENT: there is none. */
int self_url_find(const struct listeners *listeners, const char *local_address, const char *path_prefix,
                  char ret_url[URL_SIZE]) _must_check_;
