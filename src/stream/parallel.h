/* The pieces of a stream, worked on by several threads and given out in order. What is worked is the user's:
 * deflate.c. Memory is bounded by the number of threads. Reads, writes and errors stay with the calling
 * thread: the threads know nothing but the piece's two buffers, so a caller that traces a process may use
 * this. */
#pragma once

#include "stream/sink.h"

struct piece {
    uint8_t *in, *out;        /* of the work's sizes */
    size_t in_size, out_size; /* what is in them; the caller sets in_size, run sets out_size */
    bool last;                /* of its stream; the caller's */
    /* private */
    bool done;
    int result;
};

struct parallel_work {
    size_t in_size, out_size; /* room of a piece */
    size_t state_size;        /* what each thread keeps for itself from piece to piece */
    /* From in to out, by any thread. user: the caller's; what this uses of it must not change. */
    int (*run)(void *state, const void *user, struct piece *piece);
    /* Sees each piece's in, in order, one at a time, beside run: for checksums. May be NULL. What it makes is
     * the caller's to read once all is drained. */
    void (*follow)(void *user, const struct piece *piece);
};

struct parallel;

/* work and user must outlive it. threads: so many run; 1 means none but the caller's own. */
int parallel_new(const struct parallel_work *work, void *user, unsigned threads,
                 struct parallel **ret_parallel) _must_check_;
void parallel_free(struct parallel *parallel); /* accepts NULL; ends the threads */

/* The piece to be filled next; empty, its out as it was. Writes those that are done into out meanwhile and
 * waits for the first one where all are in use. Asked twice without put it is the same. */
int parallel_next(struct parallel *parallel, struct sink *out, struct piece **ret_piece) _must_check_;
/* Gives that piece to the threads. */
int parallel_put(struct parallel *parallel) _must_check_;
/* All that was put goes into out. */
int parallel_drain(struct parallel *parallel, struct sink *out) _must_check_;

/* Starts no thread where there can't be one, and then works in the caller's: a limit of processes must cost
 * speed, not the dump. Signals stay the caller's: all are blocked in the threads. */
