/* One request on its way through the inspector. */
#pragma once

#include "ops/operation.h"

struct job {
    struct job *next; /* in the queue */
    struct request request;
    struct buffer message; /* the request with who asks, for the worker; empty until it is admitted */
    int answer_fd;         /* owned: kept until the worker is done, so that its end is ours to say */
    const struct operation *operation;
    unsigned flags;                 /* the operation's, for this request */
    int64_t target;                 /* as asked, except that id 0 is the service's pid */
    uint64_t began_ms;              /* when it came, clock_monotonic_ms */
    uint64_t limit_ms, deadline_ms; /* likewise */
    uint64_t wait_until_ms;         /* for a slot of its own; then it is refused */
    uint64_t prefer_until_ms;       /* it waits for the worker that knows its target; 0: not yet */
};

/* Now it is known who asks. -EACCES where his role is not enough. */
int job_admit(struct job *job, const struct principal *principal, struct error *error) _must_check_;

/* Checks what came over the channel and makes a job of it. answer_fd is taken over on success.
 * -EBADMSG: no request, or no pipe to answer into. */
int job_new(const struct operation *table, pid_t service_pid, const void *bytes, size_t size, int answer_fd,
            uint64_t light_ms, uint64_t heavy_ms, struct job **ret_job, struct error *error) _must_check_;
void job_free(struct job *job); /* closes the answer; accepts NULL */

/* Whether nobody reads the answer any more. */
bool job_reader_gone(const struct job *job);

/* First in, first out. */
struct job_queue {
    struct job *first, *last;
    size_t count;
};
void job_queue_push(struct job_queue *queue, struct job *job);
struct job *job_queue_pop(struct job_queue *queue); /* NULL: empty */
/* Takes out the one with that request number, wherever it stands; NULL: there is none. */
struct job *job_queue_take(struct job_queue *queue, uint64_t number);
