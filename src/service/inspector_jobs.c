/* What is asked waits for who asks it, then for a worker that is free, or is refused. */
#include "service/inspector_parts.h"

#include "base/clock.h"
#include "service/channel.h"
#include "service/gate_roles.h"

#include <errno.h>
#include <string.h>

/* A client has its last byte before the worker's process is gone, and may ask for the next dump at once. So
 * what finds no slot waits a moment before it is refused. */
enum { OWN_WAIT_MS = 500, OWN_WAITING_MAX = 16 };

/* Answers the job with an error and frees it. */
static void refuse(struct inspector *inspector, struct job *job, const struct error *error)
{
    audit_refused(&inspector->audit, job->operation, &job->request, error);
    metrics_operation(inspector->pool.metrics, inspector->table, job->operation, -error->code);
    /* the pipe is empty and does not block: either it fits or nobody reads */
    (void)!answer_write_error(job->answer_fd, 0, error->code, error->text);
    job_free(job);
}

/* Gives waiting light jobs to workers that are free. */
static void dispatch(struct inspector *inspector)
{
    while (inspector->queue.first) {
        struct job *job = inspector->queue.first;
        struct error error = {0};
        int r;

        if (job_reader_gone(job)) {
            job_free(job_queue_pop(&inspector->queue));
            continue;
        }
        r = pool_give_light(&inspector->pool, job, false, &error);
        if (r == -EBUSY)
            return;
        (void)job_queue_pop(&inspector->queue); /* the job, which is the worker's now or to be refused */
        if (r < 0)
            refuse(inspector, job, &error);
    }
}

static void give_own(struct inspector *inspector, struct job *job)
{
    struct error error = {0};
    int r = pool_give_own(&inspector->pool, job, &error);

    if (r == -EUSERS && clock_monotonic_ms() < job->wait_until_ms &&
        inspector->own_queue.count < OWN_WAITING_MAX)
        job_queue_push(&inspector->own_queue, job);
    else if (r < 0)
        refuse(inspector, job, &error);
}

static void dispatch_own(struct inspector *inspector)
{
    for (size_t count = inspector->own_queue.count; count > 0; count--)
        give_own(inspector, job_queue_pop(&inspector->own_queue));
}

static void end_forward(struct inspector *inspector, struct job *job, const struct peers_report *report)
{
    const struct audit_end end = {.code = report->code,
                                  .has_begun = report->has_begun,
                                  .bytes = report->bytes,
                                  .duration_ms = clock_monotonic_ms() - job->began_ms,
                                  .pause_us = -1};

    audit_end(&inspector->audit, job->operation, &job->request, &end);
    job_free(job);
}

void inspector_jobs_take_reports(struct inspector *inspector, bool all_end)
{
    static const struct peers_report lost = {.code = EIO, .has_begun = 1};
    struct peers_report report;
    struct job *job;

    while (peers_take_report(inspector->peers, &report))
        if ((job = job_queue_take(&inspector->forward_queue, report.number)))
            end_forward(inspector, job, &report);
    while (all_end && (job = job_queue_pop(&inspector->forward_queue)))
        end_forward(inspector, job, &lost);
}

/* Those that say nothing of a process; the other instance has its own for the rest. The list of instances
 * goes by the name that it has in the table, where there is no other one. */
static int check_rules(const struct inspector *inspector, const struct job *job, struct error *error)
{
    const char *name = job->operation->name;
    const struct principal *principal = &job->request.principal;

    if (rule_list_allows(&inspector->rules, principal, strcmp(name, "forward") == 0 ? name : "instances",
                         NULL))
        return 0;
    return error_set(error, EACCES, "A rule of this service denies %s to %s.", name, principal->name);
}

/* The other one writes its audit, and we ours: it knows the client only as we say. */
static void give_peers(struct inspector *inspector, struct job *job)
{
    struct error error = {0};
    int r = check_rules(inspector, job, &error);

    if (r == 0)
        r = audit_begin(&inspector->audit, job->operation, &job->request, NULL, NULL, &error);
    if (r == 0)
        r = peers_give(inspector->peers, job, inspector->gate, &error);
    if (r < 0) {
        refuse(inspector, job, &error);
        return;
    }
    job->answer_fd = fd_close(job->answer_fd); /* the other process has an end of the pipe of its own */
    if (audit_wants(job->operation, &job->request))
        job_queue_push(&inspector->forward_queue, job);
    else
        job_free(job);
}

static void accept_job(struct inspector *inspector, struct job *job)
{
    struct error error = {0};
    int r;

    if (job->flags & OPERATION_ELSEWHERE) {
        give_peers(inspector, job);
        return;
    }
    if (job->flags & (OPERATION_HEAVY | OPERATION_OWN_WORKER)) {
        job->wait_until_ms = clock_monotonic_ms() + OWN_WAIT_MS;
        give_own(inspector, job);
        return;
    }
    r = inspector->queue.first
            ? -EBUSY
            : pool_give_light(&inspector->pool, job, inspector->prefer_queue.count < inspector->config->queue,
                              &error);
    if (r == -EALREADY) {
        job_queue_push(&inspector->prefer_queue, job);
        return;
    }
    if (r == -EBUSY && inspector->queue.count < inspector->config->queue) {
        job_queue_push(&inspector->queue, job);
        return;
    }
    if (r == -EBUSY)
        r = error_set(&error, EAGAIN,
                      "%zu requests are waiting already, which is the limit (queue); try again.",
                      inspector->queue.count);
    if (r < 0)
        refuse(inspector, job, &error);
}

static void dispatch_prefer(struct inspector *inspector)
{
    for (size_t count = inspector->prefer_queue.count; count > 0; count--)
        accept_job(inspector, job_queue_pop(&inspector->prefer_queue));
}

static void admit(struct inspector *inspector, struct job *job, const struct principal *principal)
{
    struct error error = {0};

    if (job_admit(job, principal, &error) == 0)
        accept_job(inspector, job);
    else
        refuse(inspector, job, &error);
}

void inspector_jobs_take(struct inspector *inspector, struct job *job, int connection)
{
    struct principal principal;
    struct error error = {0};
    int r;

    job->request.number = ++inspector->last_number;
    r = gate_ask(inspector->gate, &job->request, connection, job->request.number, &principal, &error);
    if (r == 0)
        admit(inspector, job, &principal);
    else if (r == -EINPROGRESS)
        job_queue_push(&inspector->gate_queue, job);
    else
        refuse(inspector, job, &error);
}

static void take_gate_answers(struct inspector *inspector)
{
    struct gate_answer answer;

    while (gate_take(inspector->gate, &answer)) {
        struct job *job = job_queue_take(&inspector->gate_queue, answer.number);

        if (job && answer.r == 0)
            admit(inspector, job, &answer.principal);
        else if (job)
            refuse(inspector, job, &answer.error);
    }
}

/* Jobs that no worker took in time. All have the same limit, so the first in is the first to expire. */
static void expire_queue(struct inspector *inspector, uint64_t now_ms)
{
    static const struct error late = {.code = EAGAIN, .text = "No worker became free in time; try again."};
    while (inspector->queue.first && inspector->queue.first->deadline_ms <= now_ms)
        refuse(inspector, job_queue_pop(&inspector->queue), &late);
}

void inspector_jobs_go_on(struct inspector *inspector, uint64_t now_ms)
{
    take_gate_answers(inspector);
    expire_queue(inspector, now_ms);
    dispatch(inspector);
    dispatch_own(inspector);
    dispatch_prefer(inspector);
}

bool inspector_jobs_wait(const struct inspector *inspector)
{
    return inspector->queue.first || inspector->own_queue.first || inspector->prefer_queue.first ||
           inspector->gate_queue.first;
}

uint64_t inspector_jobs_next_deadline(const struct inspector *inspector)
{
    uint64_t next = UINT64_MAX;

    if (inspector->queue.first)
        next = inspector->queue.first->deadline_ms;
    if (inspector->own_queue.first && inspector->own_queue.first->wait_until_ms < next)
        next = inspector->own_queue.first->wait_until_ms;
    if (inspector->prefer_queue.first && inspector->prefer_queue.first->prefer_until_ms < next)
        next = inspector->prefer_queue.first->prefer_until_ms;
    return next;
}
