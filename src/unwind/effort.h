/* How long one file may keep a processor busy. How much work a file makes is the file's choice, and what a
 * step of it costs, too: one entry of debug information can have a name of 100 MiB, or siblings behind
 * a hundred million children. So what counts is the processor time of this thread: other work on the machine
 * takes nothing of it, and a file that means well needs a hundredth. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct effort {
    uint64_t limit, left;   /* nanoseconds */
    uint64_t full_since;    /* monotonic; ns */
    uint64_t began, looked; /* processor's clock at begin; monotonic at the last look */
    bool is_over;
};

void effort_init(struct effort *effort, uint64_t limit_ms);

/* Between these the time counts. False: there is none left; end is then not needed, but may be called. What
 * was used up is there again after EFFORT_REST_MS. */
bool effort_begin(struct effort *effort);
void effort_end(struct effort *effort);
/* After each step that may take long. False: there is no time left, to be given up. */
bool effort_go_on(struct effort *effort);

/* Whether so much time has passed that it would be there again. */
bool effort_is_rested(const struct effort *effort);

enum { EFFORT_REST_MS = 60 * 1000 };
