/* One buffer of fixed size between a writer of dumps and its sink. */
#pragma once

#include "memory/memory.h"
#include "stream/sink.h"

struct batch {
    const struct memory *memory; /* borrowed, as all of these; may be NULL where none is put in */
    size_t page_size;
    struct sink *sink;
    struct error *error;
    uint64_t written; /* bytes put in so far: the place in the file */
    size_t used;
    uint8_t *bytes; /* LIMIT_STREAM_CHUNK */
};

int batch_init(struct batch *batch, const struct memory *memory, size_t page_size, struct sink *sink,
               struct error *error) _must_check_;
void batch_release(struct batch *batch);

int batch_flush(struct batch *batch) _must_check_;
/* At least one byte of room; how much goes into ret_room. */
int batch_make_room(struct batch *batch, size_t *ret_room) _must_check_;
/* bytes NULL: zeros. */
int batch_put(struct batch *batch, const void *bytes, uint64_t size) _must_check_;
/* Zeros up to that place in the file. */
int batch_pad(struct batch *batch, uint64_t until) _must_check_;
/* Reads from the process straight into the batch. A page that can't be read is zeros; a process that is gone
 * ends the dump, since all the rest would be zeros too. */
int batch_put_memory(struct batch *batch, uint64_t start, uint64_t end) _must_check_;
