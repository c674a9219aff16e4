/* base64url without padding, as JWTs have it (RFC 7515, 2), strictly: each text is of one sequence of bytes,
 * and that has one text. */
#pragma once

#include "base/cleanup.h"

#include <stddef.h>
#include <stdint.h>

/* *size: the room, and then what was needed. -EINVAL, -ENOBUFS. */
int base64url_decode(const char *text, size_t text_size, uint8_t *bytes, size_t *size) _must_check_;
