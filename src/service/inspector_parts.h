/* What inspector*.c have between them: inspector.c takes what comes and looks after processes,
 * inspector_jobs.c has each request wait for who asks it, then for a worker. */
#pragma once

#include "service/front_files.h"
#include "service/gate.h"
#include "service/inspector.h"
#include "service/peers.h"
#include "service/pool.h"

struct inspector {
    const struct config *config;
    const struct operation_context *context;
    const struct operation *table;
    struct gate *gate;
    struct rule_list rules;
    struct audit audit;
    struct peers *peers; /* borrowed; NULL: none */
    struct pool pool;
    struct job_queue gate_queue;       /* who asks is not known yet */
    struct job_queue queue, own_queue; /* for kept workers; for a slot of their own */
    struct job_queue prefer_queue;     /* for the kept worker that knows their target */
    struct job_queue forward_queue; /* they are with other instances, and are to have an end in the audit */
    int peers_watched;              /* the channel to the process for other instances; -1: none */
    int epoll_fd, signal_fd;
    int channel;
    pid_t front_pid;
    bool channel_ended, hurry;
    uint64_t stop_deadline_ms; /* 0: running */
    struct inspector_end end;
    uint64_t last_number; /* of requests */
    char message[LIMIT_MESSAGE];
};

/* A request of the front's, which is taken over. connection: the client's, as the front says. */
void inspector_jobs_take(struct inspector *inspector, struct job *job, int connection);
/* Gives what waits to whoever is free by now, and refuses what waited too long. */
void inspector_jobs_go_on(struct inspector *inspector, uint64_t now_ms);
/* What the process for other instances has told; all_end: it is gone, and so are those that are with it. */
void inspector_jobs_take_reports(struct inspector *inspector, bool all_end);
/* Whether some job waits. */
bool inspector_jobs_wait(const struct inspector *inspector);
/* When the first of them can wait no longer; UINT64_MAX: none. clock_monotonic_ms(). */
uint64_t inspector_jobs_next_deadline(const struct inspector *inspector);
