/* The target of a request line, "/api/processes/42/dump?dumpType=2", taken apart and percent-decoded.
 *
 * Strict, since what follows trusts it: bad escapes, control characters, and escapes for NUL and slash are
 * refused, so that no two readers can see two different paths. */
#pragma once

#include "base/buffer.h"
#include "base/error.h"

enum { TARGET_SIZE_MAX = 8192, TARGET_SEGMENTS_MAX = 24, TARGET_QUERY_MAX = 64 };

struct target {
    char *storage;                             /* owned; everything below points into it */
    const char *segments[TARGET_SEGMENTS_MAX]; /* decoded; none for "/". A trailing slash makes no segment */
    size_t segment_count;
    struct {
        const char *name, *value; /* decoded; "" where there is no '=' */
    } query[TARGET_QUERY_MAX];
    size_t query_count;
};

/* Takes the origin form and the absolute form (http://host/path). ret_target is untouched on failure. -EINVAL
 * with a sentence, -E2BIG too long, -ENOMEM. */
int target_parse(const char *text, struct target *ret_target, struct error *error) _must_check_;
void target_release(struct target *target);

/* Path and query again, from segment `first` on, with all escaped that has to be; without what the query has
 * under the name `except`. */
int target_write(const struct target *target, size_t first, bool ends_with_slash, const char *except,
                 struct buffer *out) _must_check_;

/* The last value of that name, any case (as ASP.NET compares them); NULL: not given. */
const char *target_query(const struct target *target, const char *name);

#define _cleanup_target_ _cleanup_(target_release)
