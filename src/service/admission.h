/* The last door before a process is touched, in the worker: rules, the service's own processes, and the
 * audit's word that it begins. */
#pragma once

#include "access/rule.h"
#include "ops/operation.h"
#include "service/audit.h"

struct admission {
    const struct rule_list *rules;
    const struct audit *audit;
    const struct operation *operation;
    bool is_done; /* an operation may look for its target twice ... */
    pid_t pid;    /* ... and what was decided is of this process alone; 0: of none */
    uint64_t start_time;
    bool was_denied; /* the audit knows it already */
};

/* For context->admit and context->may, with context->admit_data an admission. */
int admission_admit(const struct operation_context *context, const struct request *request,
                    const struct pidref *target, struct error *error) _must_check_;
bool admission_may(const struct operation_context *context, const struct request *request,
                   const struct pidref *target);
