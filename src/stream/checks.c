#include "stream/checks.h"

#include <isa-l/crc.h>

void checks_add(struct checks *checks, const uint8_t *bytes, size_t size, bool last)
{
    if (!checks->has_begun) {
        checks->crc32 = 0;
        sha256_init(&checks->sha256);
    }
    checks->has_begun = !last;
    if (size == 0)
        return;
    checks->crc32 = crc32_gzip_refl(checks->crc32, bytes, size);
    if (checks->with_sha256)
        sha256_update(&checks->sha256, size, bytes);
}

void checks_sha256(struct checks *checks, char text[SHA256_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[SHA256_DIGEST_SIZE];

    sha256_digest(&checks->sha256, sizeof bytes, bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * sizeof bytes] = '\0';
}
