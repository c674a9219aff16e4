/* What of a process is not shown to everyone: what is left out for a reader, and values whose names say that
 * they are secrets. All zeros hides nothing. */
#pragma once

#include "access/principal.h"
#include "base/buffer.h"

struct mask {
    bool environment;    /* only the variables that Kudu shows a reader, too */
    bool commands;       /* no command lines */
    bool files;          /* no open files */
    const char *secrets; /* parts of names, with commas between: "KEY,TOKEN"; NULL: values are shown */
};

/* For a process of `owner`; (uid_t)-1 for one of anybody. From the role `unmasked` on secrets are shown.
 * principal NULL: all is. */
struct mask mask_for(const struct principal *principal, uid_t owner, enum role unmasked, const char *secrets);

/* Whether an environment variable is left out. name ends at its size, not at a NUL. */
bool mask_leaves_out(const struct mask *mask, const char *name, size_t size);
/* Whether a name says that its value is a secret. */
bool mask_is_secret(const struct mask *mask, const char *name, size_t size);

/* Appends text (a command line, a value) with MASK_TEXT in place of secrets in it: behind a name that says so
 * and = or : (--password=x, AccountKey=x;), in the argument behind such an option (--password x, and also
 * where x begins with a -), and between : and @ of a URL, or what stands before @ where there is no : (a
 * token). It is a guess: what has no such name is shown, and what stands behind one that takes no value is
 * not. */
int mask_append(const struct mask *mask, const char *text, size_t size, struct buffer *out) _must_check_;
#define MASK_TEXT "***"
