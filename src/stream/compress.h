/* Sinks that compress on the way to the next one, on as many processors as there are. Memory is bounded, at
 * any level and size.
 *
 * next stays the caller's. finish writes what is left and the trailer, and leaves next unfinished. level is
 * one of the compressor's below, else -EINVAL. threads 0: one a processor, up to a bound. */
#pragma once

#include "stream/sink.h"

struct compression_levels {
    unsigned least, most, otherwise; /* otherwise: where none was asked for */
};

/* gzip (RFC 1952), one member, by isa-l: levels are deflate.h's. */
extern const struct compression_levels gzip_levels;
int sink_gzip_new(struct sink *next, unsigned level, unsigned threads, struct sink **ret_sink) _must_check_;

/* Zstandard (RFC 8878), one frame with checksum, by libzstd. size: of what will come, exact, for the frame's
 * header; finish fails with -EIO where it was another. Levels are libzstd's with windows and tables cut to
 * what fits into memory. */
extern const struct compression_levels zstd_levels;
int sink_zstd_new(struct sink *next, unsigned level, unsigned threads, uint64_t size,
                  struct sink **ret_sink) _must_check_;
