#include "base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

void buffer_release(struct buffer *buffer)
{
    if (!buffer)
        return;
    free(buffer->data);
    buffer->data = NULL;
    buffer->size = buffer->capacity = 0;
}

void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
    if (buffer->data)
        buffer->data[0] = '\0';
}

int buffer_reserve(struct buffer *buffer, size_t more)
{
    size_t limit = buffer->limit ? buffer->limit : BUFFER_LIMIT_DEFAULT;
    size_t needed, capacity;
    char *data;

    if (buffer->size > limit || more > limit - buffer->size)
        return -ENOBUFS;
    needed = buffer->size + more + 1;
    if (needed <= buffer->capacity)
        return 0;
    capacity = buffer->capacity < 256 ? 256 : buffer->capacity * 2;
    if (capacity > limit + 1)
        capacity = limit + 1;
    if (capacity < needed)
        capacity = needed;
    data = realloc(buffer->data, capacity);
    if (!data)
        return -ENOMEM;
    data[buffer->size] = '\0';
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

int buffer_append(struct buffer *buffer, const void *bytes, size_t size)
{
    int r = buffer_reserve(buffer, size);
    if (r < 0)
        return r;
    if (size)
        memcpy(buffer->data + buffer->size, bytes, size);
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
    return 0;
}

int buffer_append_string(struct buffer *buffer, const char *string)
{
    return buffer_append(buffer, string, strlen(string));
}

/* Into the room that there is, which nearly always is enough: measuring takes as long as writing. */
int buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    size_t room = buffer->data ? buffer->capacity - buffer->size : 0;
    va_list arguments, again;
    int length, r;

    va_start(arguments, format);
    va_copy(again, arguments);
    length = vsnprintf(room ? buffer->data + buffer->size : NULL, room, format, arguments);
    va_end(arguments);
    r = length < 0 ? -EINVAL : buffer_reserve(buffer, (size_t)length);
    if (r == 0 && (size_t)length >= room)
        (void)vsnprintf(buffer->data + buffer->size, (size_t)length + 1, format, again); /* fits: measured */
    if (r == 0)
        buffer->size += (size_t)length;
    else if (room)
        buffer->data[buffer->size] = '\0';
    va_end(again);
    return r;
}

int buffer_append_zeros(struct buffer *buffer, size_t size)
{
    int r = buffer_reserve(buffer, size);
    if (r < 0)
        return r;
    memset(buffer->data + buffer->size, 0, size);
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
    return 0;
}
