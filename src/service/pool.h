/* The worker processes: kept ones for light operations, one of its own for a heavy one. Slots are fixed at
 * the start: first the kept ones, then those for each kind of operation that takes its time, so that no kind
 * takes the places of another: of eight profiles none stands in the way of ending a process. */
#pragma once

#include "ops/metrics.h"
#include "service/config.h"
#include "service/job.h"
#include "service/worker.h"

struct pool_worker {
    pid_t pid;   /* 0: the slot is free */
    int channel; /* our end, non-blocking; -1 once it was told to end */
    struct job *job;
    bool has_session; /* goes on with a profile, of ... */
    int64_t session;  /* ... this target, as it was asked for */
    unsigned served;
    int64_t learned; /* the target of the last job with OPERATION_LEARNS; 0: there was none */
    bool killed;     /* by us, for the job's deadline */
};

struct pool {
    struct audit *audit;       /* borrowed */
    struct worker_setup setup; /* what all have in common */
    struct operation_context context;
    int epoll_fd; /* borrowed; events carry POOL_EVENT + slot, or POOL_READER_EVENT + slot */
    struct pool_worker *workers;
    size_t kept, dumps, profiles, stops, watches; /* slots of each kind, in this order */
    size_t dumps_per_target;
    uint64_t kept_memory, dump_memory, heap_memory;
    atomic_bool *begun; /* one a slot, shared with the workers */
    struct claims claims;
    struct metrics *metrics;   /* shared with them, too */
    _Atomic int32_t *profiled; /* one a slot, likewise: the pid whose session the worker has, negative once it
                                  is over; 0: none */
};

#define POOL_EVENT 0x100000000ull
#define POOL_READER_EVENT 0x200000000ull

int pool_init(struct pool *pool, const struct config *config, const struct operation_context *context,
              const struct operation *table, const struct rule_list *rules, struct audit *audit, int epoll_fd,
              struct error *error) _must_check_;
/* The memory for it; what was had is pool_forget_shared's. -ENOMEM. */
int pool_share(struct pool *pool, size_t dumps_per_target) _must_check_;
/* In a process that is no worker and shall never be able to write where they read. */
void pool_forget_shared(struct pool *pool);
/* Puts down what is just now. waiting: light jobs. */
void pool_measure(struct pool *pool, size_t waiting);
/* Ends all workers; answers nothing. */
void pool_release(struct pool *pool);

static inline size_t pool_size(const struct pool *pool)
{
    return pool->kept + pool->dumps + pool->profiles + pool->stops + pool->watches;
}

/* Starts kept workers until all slots have one. Failing is no matter: they are started on demand, too. */
void pool_prepare(struct pool *pool);

/* A light job: takes it over and returns 0, or -EBUSY when all workers are at work, or an error. With
 * may_wait -EALREADY, too: one that knows its target is at work; to be given again when it is free, or at
 * job->prefer_until_ms. */
int pool_give_light(struct pool *pool, struct job *job, bool may_wait, struct error *error) _must_check_;
/* A job that gets a worker of its own; taken over on success. -EUSERS past the limits. */
int pool_give_own(struct pool *pool, struct job *job, struct error *error) _must_check_;

/* To be called for events of the slot: takes the report. True when a worker became free or ended its job. */
bool pool_take_report(struct pool *pool, size_t slot);
/* The reader of the slot's answer is gone. */
void pool_reader_gone(struct pool *pool, size_t slot);
/* A child ended. False: it was no worker. */
bool pool_child_ended(struct pool *pool, pid_t pid, int status);
/* Ends what is past its deadline. */
void pool_check_deadlines(struct pool *pool, uint64_t now_ms);
/* The next of them; UINT64_MAX: none. */
uint64_t pool_next_deadline(const struct pool *pool);
/* Has fresh workers take the place of the kept ones, which have the old audit; each when it is free. */
void pool_renew(struct pool *pool);
/* Ends what has no end of its own. */
void pool_end_endless(struct pool *pool);
bool pool_is_watched(const struct pool *pool); /* such a one runs: it is to end when its right does */
bool pool_is_busy(const struct pool *pool);    /* some job runs */
