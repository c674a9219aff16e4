/* Addresses of instances and registries: http://HOST[:PORT][/PATH], https likewise, and nothing else: no
 * user, no query, no fragment. HOST is a name, an IPv4 address or an IPv6 address in brackets. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { URL_SIZE = 256 };

/* size bytes of text. */
bool url_is_valid(const char *text, size_t size);
bool url_is_https(const char *url);
/* Whether what is sent there stays on this machine. */
bool url_is_loopback(const char *url);
/* Where its path begins: "/prefix", or "" at its end. */
const char *url_path(const char *url);
/* Its port as text, "80" or "443" where it has none. */
void url_port(const char *url, char ret_port[6]);
