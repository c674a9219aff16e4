/* The process that runs operations, one after the other (kept) or just one (its own). Nothing of it is shared
 * with the inspector but the flag that says whether an answer was begun. */
#pragma once

#include "service/admission.h"
#include "service/answer.h"
#include "service/claims.h"
#include "service/sandbox.h"

#include <sys/types.h>

/* What the inspector gets after each request. */
struct worker_report {
    int32_t result;           /* 0 or a negative errno */
    uint32_t peak_memory_kib; /* of the worker so far */
    int32_t session;          /* whose profile it goes on with; 0: it doesn't */
    uint64_t bytes;           /* of the answer's body */
    bool was_denied;          /* by a rule, which the audit knows already */
    int64_t pause_us;         /* that the target was held; -1: it was not, or nobody knows */
};

/* A kept worker that grew beyond this, or served so often, is replaced by a fresh one. */
enum { WORKER_KEPT_MEMORY_KIB = 48 * 1024, WORKER_KEPT_REQUESTS = 10000 };

struct worker_setup {
    const struct operation_context *context;
    const struct operation *table; /* the table */
    int channel;                   /* the worker's end */
    pid_t inspector_pid;
    atomic_bool *begun; /* in shared memory */
    const struct claims *claims;
    const struct rule_list *rules;
    const struct audit *audit;
    size_t slot; /* its claim */
    uint64_t memory_limit;
    const struct config *config;
    enum sandbox_worker kind;
    _Atomic int32_t *profiled; /* in shared memory: whose session it has, at slot; negative: that is over */
};

/* SANDBOX_KEPT serves until the channel ends; others one request, and those of its session. Called in the
 * child right after fork. */
_Noreturn void worker_main(const struct worker_setup *setup);
