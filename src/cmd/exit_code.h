/* What the program ends with. Scripts depend on these numbers: docs/CLI.md and the man page list them. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <errno.h>

enum exit_code {
    EXIT_GOOD = 0,
    EXIT_FAILED = 1,      /* none of the others */
    EXIT_USAGE = 2,       /* the command line is wrong, or asks for what can't be asked of that process */
    EXIT_NOT_RUNNING = 3, /* no such process, thread or module (any more) */
    EXIT_DENIED = 4,      /* a permission is missing */
    EXIT_BUSY = 5,        /* traced by another, or in a state that does not allow it */
    EXIT_UNREACHABLE = 6, /* --url: no connection */
    EXIT_CUT = 7,         /* the answer ended before it was whole */
    EXIT_LATER = 8,       /* too many at once, or it took too long: the same may succeed later */
    EXIT_TOO_LARGE = 9,   /* it would be larger than what is allowed */
};

/* code: a positive errno of an operation, or one of the two below. 0 gives EXIT_GOOD. */
int exit_code_of(int code);

/* The errno of an answer of HTTP: the table in base/error.h read backwards. 0 for 2xx. */
int exit_errno_of_status(long status);

/* Codes that the remote client sets in a struct error. */
enum { CODE_UNREACHABLE = EHOSTUNREACH, CODE_CUT = EPROTO };

/* Writes "procscope: <sentence>" to stderr, unprintable bytes escaped, and returns the exit code that goes
 * with it. */
int complain(const struct error *error);
int complain_usage(const char *format, ...) _printf_(1, 2);
