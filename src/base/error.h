/* What went wrong, in the form that crosses layers: an errno and one sentence for a person.
 *
 * Fallible functions return 0 or a negative errno and, where a person will want to know more, fill a
 * struct error whose text says what, why and what to do. Libraries never print; the outermost caller does,
 * once.
 *
 * The codes that operations answer with, and what they become outside (src/api, src/cmd):
 *   EINVAL      a bad argument                       400
 *   ENOKEY      who are you?                         401
 *   EACCES      not allowed, a permission is missing 403
 *   EPERM       likewise                             403
 *   ESRCH       no such process (any more)           404
 *   ENOENT      no such thing in the process         404
 *   EBUSY       traced by another, stopped, in use   409
 *   EFBIG       larger than the limit                413
 *   EUSERS      too many at once                     429
 *   EOPNOTSUPP  not supported                        501
 *   EHOSTUNREACH another instance can't be had   502
 *   EAGAIN      no capacity just now, retry          503
 *   ETIMEDOUT   took longer than its deadline        504
 *   all others  a fault of ours or of the machine    500 */
#pragma once

#include "base/cleanup.h"

enum { ERROR_TEXT_MAX = 512 };

struct error {
    int code; /* a positive errno, 0 = none */
    char text[ERROR_TEXT_MAX];
};

/* Fills error (which may be NULL) and returns -code, so that a caller can return it straight away. The text
 * is one sentence, capital first, full stop last, cut at ERROR_TEXT_MAX. A later call replaces an earlier
 * one. */
int error_set(struct error *error, int code, const char *format, ...) _printf_(3, 4);

/* The same for a failed system call: the text gets ": <strerror(code)>." behind it. */
int error_errno(struct error *error, int code, const char *format, ...) _printf_(3, 4);

/* Sets error from the negative errno r with strerror's text, unless a callee has already said something for
 * this same code. Returns r. */
int error_ensure(struct error *error, int r, const char *what);
