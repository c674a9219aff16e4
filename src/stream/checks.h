/* Checksums of one stream after the other: CRC-32 as gzip and zip have it, and SHA-256 where it is wanted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <nettle/sha2.h>

enum { SHA256_TEXT_SIZE = 2 * SHA256_DIGEST_SIZE + 1 };

struct checks {
    bool with_sha256;
    /* private */
    bool has_begun;
    uint32_t crc32;
    struct sha256_ctx sha256;
};

/* last: the stream ends behind these bytes, which may be none. What is added then begins another. */
void checks_add(struct checks *checks, const uint8_t *bytes, size_t size, bool last);

/* Of the stream that ended. The second takes it out, in hex; once. */
static inline uint32_t checks_crc32(const struct checks *checks)
{
    return checks->crc32;
}
void checks_sha256(struct checks *checks, char text[SHA256_TEXT_SIZE]);
