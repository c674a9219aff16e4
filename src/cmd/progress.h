/* How far a transfer has come, on stderr where that is a terminal: bytes, percent, rate, time left. */
#pragma once

#include "cmd/terminal.h"
#include "stream/sink.h"

struct progress {
    struct terminal terminal; /* of stderr */
    bool quiet;
    int64_t total; /* bytes; -1 unknown */
    uint64_t started_ns, drawn_ns;
    unsigned shown; /* columns that stand on the terminal now */
};

void progress_begin(struct progress *progress, int64_t total, bool quiet);
void progress_at(struct progress *progress, uint64_t done); /* draws at most ten times a second */
void progress_clear(struct progress *progress);

/* Passes on to next, which it owns, and shows it. -ECANCELED once an interrupt came (interrupt.h). progress
 * is borrowed. */
int progress_sink_new(struct sink *next, struct progress *progress, struct sink **ret_sink) _must_check_;
