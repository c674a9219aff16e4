/* Where the bytes of `procscope dump` go: a file that appears whole or not at all, or stdout. */
#pragma once

#include "cmd/progress.h"
#include "ops/operation.h"

struct dump_output {
    struct answer answer; /* handed to the operation */
    const char *path;     /* as given: a file, a directory, "-" stdout; NULL: the head's name, here */
    bool force;           /* write over a file */
    bool quiet;           /* no progress */
    int stall_ms;         /* how long stdout may take nothing while a target is held ... */
    uint64_t min_rate;    /* ... and the bytes a second that it must take then; 0: any */
    /* the rest is for this file and for reading afterwards */
    struct progress progress;
    struct sink *sink;   /* owned; NULL until begun */
    int stdout_fd;       /* a non-blocking twin of stdout where it is a pipe, else -1 */
    char *file;          /* owned: where it went; NULL: stdout */
    int64_t length;      /* as the head said; -1 unknown */
    uint64_t begun_ns;   /* monotonic */
    struct fields heads; /* X-... */
};

void dump_output_init(struct dump_output *output, const char *path);
void dump_output_release(struct dump_output *output); /* without finish before, nothing of the file is left */

/* What can be said before a process is touched: -EEXIST a file that is there, -EINVAL a terminal. */
int dump_output_check(const struct dump_output *output, struct error *error) _must_check_;

/* After the operation: -EPROTO where bytes are missing; the file appears. */
int dump_output_finish(struct dump_output *output, struct error *error) _must_check_;

/* A head by its name in any case, "" none. */
const char *dump_output_head(const struct dump_output *output, const char *name);
