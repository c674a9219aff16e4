/* Protocol buffers' wire format (protobuf.dev, "Encoding"), as far as writing goes: a message is gathered in
 * a buffer and then is a field of the one around it. Errors are sticky, in the message. */
#pragma once

#include "base/buffer.h"

struct protobuf {
    struct buffer bytes;
    int error; /* the first failure, negative errno */
};

void protobuf_release(struct protobuf *message);
#define _cleanup_protobuf_ _cleanup_(protobuf_release)

void protobuf_varint(struct protobuf *message, uint64_t value); /* without a tag */
/* Zero is what a reader takes for a field that is not there. */
void protobuf_u64(struct protobuf *message, unsigned field, uint64_t value);
void protobuf_bytes(struct protobuf *message, unsigned field, const void *bytes, size_t size);
void protobuf_string(struct protobuf *message, unsigned field, const char *text);
void protobuf_message(struct protobuf *message, unsigned field, const struct protobuf *inner);
void protobuf_clear(struct protobuf *message); /* for the next one; an error stays */
