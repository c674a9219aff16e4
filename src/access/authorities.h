/* Who is believed to know others: certificates of authorities out of the files that peer-ca and registry-ca
 * name. Read once, when the service starts, by whoever starts it; procscope-peer inherits them. */
#pragma once

#include "base/buffer.h"
#include "base/error.h"

enum { AUTHORITIES_MAX = 512 }; /* a distribution's list has about 150 */

/* Appends the file's certificates to `text`, as PEM, and nothing else that stands in it. path "": none.
 * key names it in errors. -EINVAL where it holds none, or one that can't be read. */
int authorities_read(const char *key, const char *path, struct buffer *text,
                     struct error *error) _must_check_;
