/* The names within a zip of files of a target, whose names are the target's own choice. */
#pragma once

#include "base/buffer.h"

/* Appends path, which begins with '/', to name, such that what unpacks it anywhere puts it below: "." and
 * ".." (names of ld.so's have them: $ORIGIN/../lib) are taken out, as the path reads. Whatever is no
 * printable UTF-8, and what Windows takes in no name (\ : * ? " < > |, a full stop or blank at a part's end,
 * the names of its devices), becomes %XX of its bytes, '%' too, so that different paths stay different. */
int dump_zip_name(const char *path, struct buffer *name) _must_check_;

/* Appends ".build-id/ab/cdef...", as debuggers look for it. */
int dump_zip_build_id_name(const uint8_t *build_id, size_t size, struct buffer *name) _must_check_;
