/* Where the bytes of `procscope dump` go: a file that appears whole or not at all, or stdout. */
#pragma once

#include "cmd/progress.h"
#include "cmd/session.h"

struct dump_output {
    struct answer answer; /* handed to the operation */
    const char *path;     /* as given: a file, a directory, "-" stdout; NULL: the head's name, here */
    bool force;           /* write over a file */
    bool quiet;           /* no progress and no closing line */
    bool ends_early;      /* Ctrl-C asks for what there is by then, and not for nothing */
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

/* Appends what is to be said of what was written, after "wrote app.dmp: 65.0 KiB". 0 or a negative errno. */
typedef int (*dump_output_describe)(const struct dump_output *output, struct buffer *line);

/* Has the request answered into it, unless a file is there or the answer would go to a terminal; then says so
 * on stderr, unless it is to be quiet. Where bytes are missing, or Ctrl-C came, nothing of the file is left.
 * Returns the exit code, after having complained. */
int dump_output_take(struct dump_output *output, struct session *session, const struct request *request,
                     dump_output_describe describe) _must_check_;

/* A head by its name in any case, "" none. */
const char *dump_output_head(const struct dump_output *output, const char *name);
