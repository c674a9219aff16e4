/* Is a request the user's own, or did a web page of a stranger make the user's browser send it?
 *
 * Whoever listens on loopback is reachable from every page the user opens. Two ways lead here: a page sends
 * requests across origins (they carry Origin or Sec-Fetch-Site), or its host name is pointed at 127.0.0.1
 * (DNS rebinding: then Host holds that name). */
#pragma once

#include "base/error.h"

#include <stdbool.h>

/* What Host is made of: letters, digits, . - _ : [ ]. It goes into the hrefs of answers. */
bool host_is_valid(const char *host);

/* May this Host be ours on a loopback socket? localhost and names below it, IP addresses, own_name (this
 * machine's name; NULL: none). A port is not looked at. */
bool host_is_local(const char *host, const char *own_name);

/* Sec-Fetch-Site of a page that is not ours. same-site, too: to a browser all ports of localhost are one
 * site, and each may be another program's. NULL: it was not sent. */
bool origin_is_foreign_site(const char *fetch_site);

struct request_origin {
    const char *host, *origin, *fetch_site, *fetch_mode, *fetch_dest; /* header values; NULL: not sent */
    bool is_allowed;                                                  /* origin is a configured one */
    bool reads_only;                                                  /* GET or HEAD */
    bool loopback; /* came in on a loopback TCP socket, or counts by coming from here */
};

/* 0, -EINVAL (400) or -EACCES (403) with a sentence. */
int request_origin_check(const struct request_origin *request, const char *own_name,
                         struct error *error) _must_check_;
