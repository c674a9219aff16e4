/* Errors as clients read them: the status of an errno (the table in base/error.h), and a body that is Web
 * API's ({"Message": ...}, what Kudu's clients look for) and RFC 9457's problem details in one, or ARM's, or
 * dotnet-monitor's. */
#pragma once

#include "base/buffer.h"

enum problem_form { PROBLEM_KUDU, PROBLEM_ARM, PROBLEM_MONITOR };

unsigned problem_status(int code); /* a positive errno */
/* The same where a form has statuses of its own: dotnet-monitor says 400 where a process is not there. */
unsigned problem_status_in(enum problem_form form, int code);
const char *problem_type(enum problem_form form); /* Content-Type */
const char *problem_title(unsigned status);       /* "Not Found" */
const char *problem_arm_code(unsigned status);    /* "NotFound" */
unsigned problem_retry_after(unsigned status);    /* seconds; 0: no Retry-After */

int problem_write(enum problem_form form, unsigned status, const char *message,
                  struct buffer *out) _must_check_;
