#include "profile/protobuf.h"

#include <string.h>

enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };

void protobuf_release(struct protobuf *message)
{
    buffer_release(&message->bytes);
}

void protobuf_clear(struct protobuf *message)
{
    buffer_clear(&message->bytes);
}

static void put(struct protobuf *message, const void *bytes, size_t size)
{
    if (message->error == 0)
        message->error = buffer_append(&message->bytes, bytes, size);
}

void protobuf_varint(struct protobuf *message, uint64_t value)
{
    uint8_t bytes[10];
    size_t size = 0;

    for (; value >= 0x80; value >>= 7)
        bytes[size++] = (uint8_t)(value | 0x80);
    bytes[size++] = (uint8_t)value;
    put(message, bytes, size);
}

void protobuf_u64(struct protobuf *message, unsigned field, uint64_t value)
{
    if (value == 0)
        return;
    protobuf_varint(message, (uint64_t)field << 3 | WIRE_VARINT);
    protobuf_varint(message, value);
}

void protobuf_bytes(struct protobuf *message, unsigned field, const void *bytes, size_t size)
{
    protobuf_varint(message, (uint64_t)field << 3 | WIRE_BYTES);
    protobuf_varint(message, size);
    put(message, bytes, size);
}

void protobuf_string(struct protobuf *message, unsigned field, const char *text)
{
    protobuf_bytes(message, field, text, strlen(text));
}

void protobuf_message(struct protobuf *message, unsigned field, const struct protobuf *inner)
{
    if (message->error == 0)
        message->error = inner->error;
    protobuf_bytes(message, field, inner->bytes.data, inner->bytes.size);
}
