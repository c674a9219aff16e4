/* Who has taken or changed what: lines of JSON in a file, or entries of the journal (docs/SECURITY.md has
 * their members). A worker says that it begins, once the target is known and before it is touched, and goes
 * on only when that is on the disk; the inspector says how it ended, also of a worker that was killed, and
 * what was refused. */
#pragma once

#include "ops/operation.h"

#include <sys/types.h>

struct audit {
    int fd; /* of the file; -1: none */
    bool is_journal;
    uint64_t refused_ms;        /* private: of the present second ... */
    unsigned refused, left_out; /* ... how many refusals it had, and how many more in all were not written */
};

/* where: "off", "journal", or a file, which is appended to and made with mode 0600. */
int audit_open(const char *where, struct audit *ret_audit, struct error *error) _must_check_;
void audit_close(struct audit *audit);
/* Opens the file anew, after it was renamed (logrotate). On failure the old one goes on to be written. */
int audit_reopen(const char *where, struct audit *audit, struct error *error) _must_check_;

/* Whether it is about this operation at all, as it is asked for. Of one that is passed on to another instance
 * it is the front's word what it is there: who is not told that it takes nothing writes a line. */
bool audit_wants(const struct operation *operation, const struct request *request);

/* -EIO where it could not be written: then nothing is done. target NULL: it has none. */
int audit_begin(const struct audit *audit, const struct operation *operation, const struct request *request,
                const struct pidref *target, const struct operation_context *context,
                struct error *error) _must_check_;

struct audit_end {
    int code;       /* 0 or a positive errno */
    bool has_begun; /* the answer: what was not done is "cut" then, else "failed" */
    uint64_t bytes, duration_ms;
    int64_t pause_us; /* -1: it was not held */
};
void audit_end(const struct audit *audit, const struct operation *operation, const struct request *request,
               const struct audit_end *end);
/* At most so many a second are written; how many were not stands in the next. */
enum { AUDIT_REFUSED_A_SECOND = 20 };
void audit_refused(struct audit *audit, const struct operation *operation, const struct request *request,
                   const struct error *error);
/* The worker's word that a rule denies it, in place of begin and end: who he is and what his role allows is
 * known by then, so all of them are written. target NULL: it has none. */
void audit_denied(const struct audit *audit, const struct operation *operation, const struct request *request,
                  const struct pidref *target, const struct operation_context *context,
                  const struct error *error);
