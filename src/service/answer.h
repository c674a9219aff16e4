/* The worker's end of an answer's pipe: client.h says how it looks on the wire. */
#pragma once

#include "ops/operation.h"

#include <stdatomic.h>

/* A struct answer whose head and body go into a pipe. */
struct pipe_answer {
    struct answer answer;
    int fd;             /* borrowed */
    int stall_ms;       /* a reader that takes nothing for so long ends the answer */
    uint64_t min_rate;  /* that a reader keeps up while a target is held (answer_head.holds); 0: any */
    atomic_bool *begun; /* shared with the inspector: set before the first byte. Its own flag where NULL */
    atomic_bool own_begun;
    struct sink *sink;
    int64_t length;
    int64_t pause_us; /* as its head or the operation says; -1: neither does */
    char facts[256];  /* the head's, for a log: "Mode snapshot, Threads 8" */
};

void pipe_answer_init(struct pipe_answer *answer, int fd, int stall_ms, atomic_bool *begun);
void pipe_answer_release(struct pipe_answer *answer);

/* Ends the answer with what the operation returned: a whole body, an error head where none was sent yet, or a
 * cut. Returns what is to be reported: r, or the failure of ending it. */
int pipe_answer_end(struct pipe_answer *answer, int r, struct error *error) _must_check_;

/* Writes an error as an answer's head, waiting no longer than stall_ms. */
int answer_write_error(int fd, int stall_ms, int code, const char *message) _must_check_;
