/* Bytes that grow up to a stated maximum. Holds a NUL behind its contents, so that data can be read as a
 * string. */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
    char *data; /* NULL while nothing was put in; else size + 1 bytes at least, with a NUL at data[size] */
    size_t size;
    size_t capacity;
    size_t limit; /* size never passes this; 0 = BUFFER_LIMIT_DEFAULT */
};

enum { BUFFER_LIMIT_DEFAULT = 64 * 1024 * 1024 };

#define BUFFER_INIT(maximum) ((struct buffer){.limit = (maximum)})

void buffer_release(struct buffer *buffer); /* frees the bytes; the struct may be used again */
void buffer_clear(struct buffer *buffer);   /* empties and keeps the memory */

/* Makes room for `more` bytes behind the present ones. -ENOBUFS past the limit, -ENOMEM. */
int buffer_reserve(struct buffer *buffer, size_t more) _must_check_;
int buffer_append(struct buffer *buffer, const void *bytes, size_t size) _must_check_;
int buffer_append_string(struct buffer *buffer, const char *string) _must_check_;
int buffer_append_format(struct buffer *buffer, const char *format, ...) _must_check_ _printf_(2, 3);
int buffer_append_zeros(struct buffer *buffer, size_t size) _must_check_;

/* The contents as a string: "" while empty. Valid until the next change. */
static inline const char *buffer_string(const struct buffer *buffer)
{
    return buffer->data ? buffer->data : "";
}

#define _cleanup_buffer_ _cleanup_(buffer_release)
