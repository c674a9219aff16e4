/* Raw deflate (RFC 1951) by isa-l, on the processors that there are: pieces are compressed apart from each
 * other, each ending on a byte's boundary (a full flush), so every inflater takes the whole for one stream.
 * Costs under 1 % of size, as matches never reach into the piece before. */
#pragma once

#include "stream/checks.h"
#include "stream/sink.h"

struct deflater;

/* isa-l's levels: 0 is fastest, 3 smallest. */
enum { DEFLATE_LEVEL_DEFAULT = 1, DEFLATE_LEVEL_MAX = 3 };

/* threads 0: one a processor (processors_available), up to LIMIT_COMPRESS_THREADS. with_sha256: for
 * deflater_sha256. */
int deflater_new(unsigned level, unsigned threads, bool with_sha256,
                 struct deflater **ret_deflater) _must_check_;
void deflater_free(struct deflater *deflater); /* accepts NULL */

/* Compresses bytes into out, which may get them in a later call. last: the stream ends behind them (size 0 is
 * allowed), all of it is in out, and the next call begins another one. After a failure only free is left. */
int deflater_write(struct deflater *deflater, struct sink *out, const void *bytes, size_t size,
                   bool last) _must_check_;

/* Of the bytes of the stream that ended last: CRC-32 as in gzip and zip; SHA-256 in hex, once. */
uint32_t deflater_crc32(const struct deflater *deflater);
void deflater_sha256(struct deflater *deflater, char text[SHA256_TEXT_SIZE]);
