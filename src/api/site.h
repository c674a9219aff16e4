/* The page's files (web/), inside the program. There may be none: then it was built without npm. */
#pragma once

#include "http/exchange.h"

#include <stdbool.h>

struct site_file {
    const char *path; /* "index.html", "assets/index-DDpOG8GD.css": names there change with their contents */
    const char *type;
    const unsigned char *plain;
    size_t plain_size;
    const unsigned char *packed; /* by gzip */
    size_t packed_size;
};

extern const struct site_file site_files[]; /* ends with a NULL path */

bool site_is_there(void);
/* "" is index.html. False: there is no such file, and nothing was answered. */
bool site_answer(struct http_exchange *exchange, const char *folder, const char *name);
