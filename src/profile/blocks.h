/* The blocks of a nettrace file, version 6 (microsoft/perfview, src/TraceEvent/EventPipe/NetTraceFormat.md):
 * each is gathered, then written with its size in front. All numbers are little-endian. Errors are sticky. */
#pragma once

#include "stream/sink.h"

enum block_kind {
    BLOCK_END,
    BLOCK_TRACE,
    BLOCK_EVENT,
    BLOCK_METADATA,
    BLOCK_SEQUENCE_POINT,
    BLOCK_STACK,
    BLOCK_THREAD,
};

/* 24 bits are left for a block's size; writers stay far below. */
enum { BLOCK_SIZE_MAX = 1024 * 1024 };

struct block {
    struct buffer bytes;
    int error; /* the first failure, negative errno */
};

void block_release(struct block *block);
void block_put(struct block *block, const void *bytes, size_t size);
void block_u8(struct block *block, uint8_t value);
void block_u16(struct block *block, uint16_t value);
void block_u32(struct block *block, uint32_t value);
void block_u64(struct block *block, uint64_t value);
void block_varint(struct block *block, uint64_t value);
void block_string(struct block *block, const char *text);       /* its size as a varint in front */
void block_short_string(struct block *block, const char *text); /* ... in 16 bits; cut to them */
/* What was gathered in inner, its size in 16 bits in front; inner is emptied. */
void block_row(struct block *block, struct block *inner);

/* As one block of kind; it is empty then. */
int block_write(struct block *block, enum block_kind kind, struct sink *sink) _must_check_;
