/* A zip archive written in one pass, deflated on the way: PKWARE's APPNOTE 6.3.9, sizes and checksum behind
 * each entry's bytes (bit 3), zip64 where an entry or the archive needs it. Names are UTF-8. Memory is
 * bounded whatever the size. */
#pragma once

#include "stream/checks.h"
#include "stream/sink.h"

struct zip;

/* Writes into out, which stays the caller's. level: deflate.h's. */
int zip_new(struct sink *out, unsigned level, struct zip **ret_zip) _must_check_;
void zip_free(struct zip *zip); /* accepts NULL */

/* Begins an entry. name: a relative path without "..", '/' between its parts; -EINVAL otherwise. size: how
 * many bytes will come, exact or an upper bound: it decides whether the entry is zip64, and more than that is
 * -EFBIG. modified: ns since 1970. ret_sink takes the entry's bytes and stays the zip's; sink_finish on it
 * ends the entry. */
int zip_entry(struct zip *zip, const char *name, uint64_t size, int64_t modified,
              struct sink **ret_sink) _must_check_;
/* Of the entry that ended last, in hex; once. */
void zip_entry_sha256(struct zip *zip, char text[SHA256_TEXT_SIZE]);

/* A symbolic link at name to the entry, or the folder of entries, `to`, which must be below the folder that
 * name stands in: 7-Zip refuses links that lead up ("..") wherever they end. Readers that know no links
 * (Explorer, Python) make a file of one line out of it. */
bool zip_can_link(const char *name, const char *to);
int zip_link(struct zip *zip, const char *name, const char *to, int64_t modified) _must_check_;

/* The central directory. -EINVAL while an entry is still open. */
int zip_finish(struct zip *zip) _must_check_;

static inline void cleanup_zip(struct zip **zip)
{
    zip_free(*zip);
}
#define _cleanup_zip_ _cleanup_(cleanup_zip)
