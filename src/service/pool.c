#include "service/pool.h"

#include "base/clock.h"
#include "base/log.h"
#include "service/channel.h"
#include "service/pool_slots.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>

/* The front asks for one at a time for each role; the ones before may not be gone yet. */
enum { POOL_WATCHES = 2 * (ROLE_ADMIN - ROLE_NONE) };

/* A killed worker that is not gone after this hangs in the kernel: its client need not. */
enum { POOL_DEATH_MS = 2000 };

/* A heavy worker sees by itself that its reader is gone, when it writes. If it does not write: */
enum { POOL_READER_GONE_MS = 1000 };

enum { POOL_PREFER_MS = 10 }; /* for a light job to wait for the worker that knows its target */

int pool_init(struct pool *pool, const struct config *config, const struct operation_context *context,
              const struct operation *table, const struct rule_list *rules, struct audit *audit, int epoll_fd,
              struct error *error)
{
    *pool = (struct pool){.setup = {.context = context,
                                    .table = table,
                                    .config = config,
                                    .inspector_pid = getpid(),
                                    .rules = rules,
                                    .audit = audit},
                          .audit = audit,
                          .epoll_fd = epoll_fd,
                          .kept = config->workers,
                          .dumps = config->dumps,
                          .profiles = config->profiles,
                          .stops = config->stops,
                          .watches = POOL_WATCHES,
                          .dumps_per_target = config->dumps_per_target,
                          .kept_memory = config->worker_memory,
                          .dump_memory = config->dump_memory,
                          .heap_memory = config->heap_memory};
    pool->workers = calloc(pool_size(pool), sizeof *pool->workers);
    if (!pool->workers || pool_share(pool, config->dumps_per_target) < 0) {
        pool_release(pool);
        return error_errno(error, ENOMEM, "Memory for the workers could not be had");
    }
    for (size_t i = 0; i < pool_size(pool); i++)
        pool->workers[i].channel = -1;
    pool->context = *context;
    pool->context.profiled = pool->profiled;
    pool->context.profiled_count = pool_size(pool);
    pool->context.metrics = pool->metrics;
    pool->setup.context = &pool->context;
    return 0;
}

static bool is_kept(const struct pool *pool, size_t slot)
{
    return slot < pool->kept;
}

static enum sandbox_worker kind_of(const struct pool *pool, size_t slot)
{
    const size_t counts[] = {[SANDBOX_KEPT] = pool->kept,
                             [SANDBOX_DUMP] = pool->dumps,
                             [SANDBOX_PROFILE] = pool->profiles,
                             [SANDBOX_STOP] = pool->stops,
                             [SANDBOX_WATCH] = pool->watches};
    size_t kind = 0;

    while (slot >= counts[kind])
        slot -= counts[kind++];
    return (enum sandbox_worker)kind;
}

static int watch(const struct pool *pool, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event event = {.events = events, .data.u64 = data};
    return epoll_ctl(pool->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* By hand, since a descriptor stays in the set as long as any process has a copy of it. */
static void unwatch(const struct pool *pool, int fd)
{
    if (fd >= 0)
        (void)epoll_ctl(pool->epoll_fd, EPOLL_CTL_DEL, fd, NULL); /* ENOENT: it was not watched */
}

static void close_channel(struct pool *pool, struct pool_worker *worker)
{
    unwatch(pool, worker->channel);
    worker->channel = fd_close(worker->channel);
}

static void free_job(struct pool *pool, struct pool_worker *worker)
{
    if (worker->job)
        unwatch(pool, worker->job->answer_fd);
    job_free(worker->job);
    worker->job = NULL;
}

static uint64_t memory_of(const struct pool *pool, size_t slot, unsigned flags)
{
    if (kind_of(pool, slot) != SANDBOX_DUMP)
        return pool->kept_memory;
    return flags & OPERATION_KEEPS_HEAP ? pool->heap_memory : pool->dump_memory;
}

/* flags: of the job that it is for; a kept one is for all that are light. */
static int spawn(struct pool *pool, size_t slot, unsigned flags, struct error *error)
{
    struct pool_worker *worker = &pool->workers[slot];
    struct worker_setup setup = pool->setup;
    _cleanup_close_ int ours = -1, theirs = -1;
    int ends[2], r = channel_pair(0, ends);
    pid_t pid;

    if (r < 0)
        return error_errno(error, -r, "A worker could not be started");
    ours = ends[0];
    theirs = ends[1];
    if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
        return error_errno(error, errno, "A worker could not be started");
    setup.channel = theirs;
    setup.begun = &pool->begun[slot];
    setup.claims = &pool->claims;
    setup.profiled = pool->profiled;
    setup.slot = slot;
    setup.kind = kind_of(pool, slot);
    setup.memory_limit = memory_of(pool, slot, flags);
    pid = fork();
    if (pid == 0)
        worker_main(&setup);
    if (pid < 0)
        return error_errno(error, EAGAIN, "A worker could not be started");
    r = watch(pool, ours, EPOLLIN, POOL_EVENT + slot);
    if (r < 0) {
        /* its end of the channel closes, so it ends by itself */
        return error_errno(error, -r, "A worker could not be watched");
    }
    *worker = (struct pool_worker){.pid = pid, .channel = TAKE_FD(ours)};
    (void)atomic_fetch_add(&pool->metrics->workers_started, 1); /* what it was before */
    return 0;
}

void pool_prepare(struct pool *pool)
{
    for (size_t slot = 0; slot < pool->kept; slot++) {
        struct error error = {0};
        if (pool->workers[slot].pid == 0 && spawn(pool, slot, 0, &error) < 0)
            log_warning("%s", error.text);
    }
}

/* Hands the job over. On failure the worker is of no use any more and the job is still the caller's. */
static int assign(struct pool *pool, size_t slot, struct job *job)
{
    struct pool_worker *worker = &pool->workers[slot];
    int r;

    atomic_store(&pool->begun[slot], false);
    r = channel_send(worker->channel, job->message.data, job->message.size, job->answer_fd);
    if (r < 0) {
        (void)kill(worker->pid, SIGKILL); /* ours and not waited for yet, so the pid is still its own */
        close_channel(pool, worker);
        return r;
    }
    worker->job = job;
    if (job->flags & OPERATION_LEARNS)
        worker->learned = job->target;
    return 0;
}

/* The same for one that was just started: there is no other to try. */
static int assign_fresh(struct pool *pool, size_t slot, struct job *job, struct error *error)
{
    if (assign(pool, slot, job) < 0)
        return error_set(error, EIO, "The worker ended before it could be asked.");
    return 0;
}

static bool is_idle(const struct pool_worker *worker)
{
    return worker->pid > 0 && worker->channel >= 0 && !worker->job;
}

/* A kept worker that knows the job's target, one that is free if there is; pool->kept: none does. */
static size_t find_learned(const struct pool *pool, const struct job *job)
{
    size_t found = pool->kept;

    for (size_t slot = 0; job->flags & OPERATION_LEARNS && job->target != 0 && slot < pool->kept; slot++) {
        const struct pool_worker *worker = &pool->workers[slot];

        if (worker->learned == job->target && is_idle(worker))
            return slot;
        if (worker->learned == job->target && worker->channel >= 0)
            found = slot;
    }
    return found;
}

/* A client has its last byte before the worker has put things away, and may ask the same at once. Whoever
 * doesn't know the target takes longer than the wait. */
static bool is_worth_a_wait(struct job *job)
{
    if (job->prefer_until_ms == 0)
        job->prefer_until_ms = clock_monotonic_ms() + POOL_PREFER_MS;
    return clock_monotonic_ms() < job->prefer_until_ms;
}

int pool_give_light(struct pool *pool, struct job *job, bool may_wait, struct error *error)
{
    size_t learned = find_learned(pool, job);

    if (learned < pool->kept && is_idle(&pool->workers[learned])) {
        if (assign(pool, learned, job) == 0)
            return 0;
    } else if (learned < pool->kept && may_wait && is_worth_a_wait(job)) {
        return -EALREADY;
    }
    for (size_t slot = 0; slot < pool->kept; slot++)
        if (is_idle(&pool->workers[slot]) && assign(pool, slot, job) == 0)
            return 0;
    for (size_t slot = 0; slot < pool->kept; slot++) {
        int r;
        if (pool->workers[slot].pid != 0)
            continue;
        r = spawn(pool, slot, job->flags, error);
        return r < 0 ? r : assign_fresh(pool, slot, job, error);
    }
    return -EBUSY;
}

static int give_session(struct pool *pool, size_t slot, struct job *job, struct error *error)
{
    if (pool->workers[slot].job)
        return error_set(error, EUSERS,
                         "The profile of this process is just being begun or fetched; try again.");
    if (assign(pool, slot, job) < 0)
        return error_set(error, ENOENT, "No profile of process %" PRId64 " is running.", job->target);
    return 0;
}

int pool_give_own(struct pool *pool, struct job *job, struct error *error)
{
    size_t slot = 0;
    int r;

    if (job->flags & OPERATION_SESSION && pool_find_session(pool, job->target, &slot))
        return give_session(pool, slot, job, error);
    r = job->flags & OPERATION_SESSION ? pool_check_session(pool, job, error) : 0;
    if (r == 0)
        r = pool_find_slot(pool, job, &slot, error);
    if (r == 0)
        r = spawn(pool, slot, job->flags, error);
    if (r == 0)
        r = assign_fresh(pool, slot, job, error);
    if (r < 0)
        return r;
    /* no events asked for: EPOLLERR, which always comes, is the reader's going away */
    if (job->flags & (OPERATION_HEAVY | OPERATION_GIVES_UP | OPERATION_ENDLESS))
        (void)!watch(pool, job->answer_fd, 0, POOL_READER_EVENT + slot); /* its write fails by itself, too */
    return 0;
}

/* was_lost: its worker ended before it could say so itself. */
static void tell_end(struct pool *pool, size_t slot, const struct worker_report *report, bool was_lost)
{
    const struct job *job = pool->workers[slot].job;
    const struct audit_end end = {.code = -report->result,
                                  .has_begun = atomic_load(&pool->begun[slot]),
                                  .bytes = report->bytes,
                                  .duration_ms = clock_monotonic_ms() - job->began_ms,
                                  .pause_us = report->pause_us};

    if (!report->was_denied)
        audit_end(pool->audit, job->operation, &job->request, &end);
    /* one that was ended since nobody waited for it any more is none of ours that failed */
    metrics_operation(pool->metrics, pool->setup.table, job->operation,
                      was_lost && job_reader_gone(job) ? -EPIPE : report->result);
    metrics_answer(pool->metrics, report->bytes, report->pause_us);
}

static void log_end(const struct job *job, int result)
{
    log_debug("%s of %" PRId64 " ended with %d", job->operation->name, job->target, -result);
}

bool pool_take_report(struct pool *pool, size_t slot)
{
    struct pool_worker *worker = &pool->workers[slot];
    struct worker_report report;
    int fd = -1;
    ssize_t n;

    if (worker->channel < 0)
        return false;
    n = channel_receive(worker->channel, &report, sizeof report, &fd);
    (void)fd_close(fd); /* none is expected; always -1 */
    if (n == -EAGAIN)
        return false;
    if (n != sizeof report || !worker->job) {
        /* it ended, or it is not what it was: what becomes of its job is said when it is dead */
        (void)kill(worker->pid, SIGKILL); /* ours and not waited for yet */
        close_channel(pool, worker);
        return false;
    }
    log_end(worker->job, report.result);
    tell_end(pool, slot, &report, false);
    if (report.session != 0 && !worker->has_session)
        worker->session = worker->job->target;
    worker->has_session = report.session != 0;
    free_job(pool, worker);
    claims_drop(&pool->claims, slot);
    worker->served++;
    if (worker->has_session && !worker->killed)
        return true;
    if (worker->killed || !is_kept(pool, slot) || worker->served >= WORKER_KEPT_REQUESTS ||
        report.peak_memory_kib > WORKER_KEPT_MEMORY_KIB)
        close_channel(pool, worker); /* it ends by itself */
    return true;
}

void pool_reader_gone(struct pool *pool, size_t slot)
{
    struct pool_worker *worker = &pool->workers[slot];
    uint64_t soon = clock_monotonic_ms() + POOL_READER_GONE_MS;

    if (!worker->job || !job_reader_gone(worker->job))
        return;
    unwatch(pool, worker->job->answer_fd);
    if (worker->job->deadline_ms > soon)
        worker->job->deadline_ms = soon;
}

/* The worker ended with its job undone. */
static void fail_job(struct pool *pool, size_t slot, int status)
{
    struct pool_worker *worker = &pool->workers[slot];
    struct error error = {0};

    if (!worker->job)
        return;
    if (worker->killed && worker->job->flags & OPERATION_ENDLESS)
        (void)error_set(&error, EAGAIN, "Who may do what was read again; come back.");
    else if (worker->killed)
        (void)error_set(&error, ETIMEDOUT, "The operation did not end within its deadline of %g s.",
                        (double)worker->job->limit_ms / 1000);
    else if (WIFSIGNALED(status))
        (void)error_set(&error, EIO, "The worker was ended by signal %d before it answered.",
                        WTERMSIG(status));
    else
        (void)error_set(&error, EIO, "The worker ended with code %d before it answered.",
                        WEXITSTATUS(status));
    if (!job_reader_gone(worker->job) && error.code != EAGAIN)
        log_warning("%s of %" PRId64 ": %s", worker->job->operation->name, worker->job->target, error.text);
    tell_end(pool, slot, &(struct worker_report){.result = -error.code, .pause_us = -1}, true);
    (void)atomic_fetch_add(&pool->metrics->workers_lost, 1); /* what it was before */
    /* after a head the bytes stop short, which the client sees */
    if (!atomic_load(&pool->begun[slot]))
        (void)!answer_write_error(worker->job->answer_fd, 0, error.code, error.text); /* nobody reads: fine */
    free_job(pool, worker);
}

bool pool_child_ended(struct pool *pool, pid_t pid, int status)
{
    for (size_t slot = 0; slot < pool_size(pool); slot++) {
        struct pool_worker *worker = &pool->workers[slot];
        if (worker->pid != pid)
            continue;
        (void)pool_take_report(pool, slot); /* it may have come just before the end */
        fail_job(pool, slot, status);
        claims_drop(&pool->claims, slot);
        atomic_store(&pool->profiled[slot], 0);
        close_channel(pool, worker);
        *worker = (struct pool_worker){.channel = -1};
        return true;
    }
    return false;
}

void pool_check_deadlines(struct pool *pool, uint64_t now_ms)
{
    for (size_t slot = 0; slot < pool_size(pool); slot++) {
        struct pool_worker *worker = &pool->workers[slot];
        if (!worker->job || worker->job->deadline_ms > now_ms)
            continue;
        if (worker->killed) {
            fail_job(pool, slot, 0);
            continue;
        }
        worker->killed = true;
        (void)kill(worker->pid, SIGKILL); /* ours and not waited for yet */
        worker->job->deadline_ms = now_ms + POOL_DEATH_MS;
    }
}

void pool_renew(struct pool *pool)
{
    for (size_t slot = 0; slot < pool->kept; slot++) {
        struct pool_worker *worker = &pool->workers[slot];
        if (is_idle(worker))
            close_channel(pool, worker); /* it ends by itself */
        else
            worker->served = WORKER_KEPT_REQUESTS;
    }
}

void pool_end_endless(struct pool *pool)
{
    for (size_t slot = 0; slot < pool_size(pool); slot++) {
        struct job *job = pool->workers[slot].job;
        if (job && job->flags & OPERATION_ENDLESS)
            job->deadline_ms = 0;
    }
}

bool pool_is_watched(const struct pool *pool)
{
    for (size_t slot = 0; slot < pool_size(pool); slot++)
        if (pool->workers[slot].job && pool->workers[slot].job->flags & OPERATION_ENDLESS)
            return true;
    return false;
}

uint64_t pool_next_deadline(const struct pool *pool)
{
    uint64_t next = UINT64_MAX;

    for (size_t slot = 0; slot < pool_size(pool); slot++)
        if (pool->workers[slot].job && pool->workers[slot].job->deadline_ms < next)
            next = pool->workers[slot].job->deadline_ms;
    return next;
}

bool pool_is_busy(const struct pool *pool)
{
    return pool_next_deadline(pool) != UINT64_MAX;
}

void pool_release(struct pool *pool)
{
    uint64_t until = clock_monotonic_ms() + POOL_DEATH_MS;
    bool had_others = false;

    for (size_t slot = pool->kept + pool->dumps; pool->workers && slot < pool_size(pool); slot++)
        had_others = had_others || pool->workers[slot].pid > 0;
    for (size_t slot = 0; pool->workers && slot < pool_size(pool); slot++)
        if (pool->workers[slot].pid > 0)
            (void)kill(pool->workers[slot].pid, SIGKILL); /* ours and not waited for yet */
    for (size_t slot = 0; pool->workers && slot < pool_size(pool); slot++) {
        struct pool_worker *worker = &pool->workers[slot];
        /* one that hangs in the kernel must not hang us */
        while (worker->pid > 0 && waitpid(worker->pid, NULL, WNOHANG) == 0 && clock_monotonic_ms() < until)
            (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* shorter is no harm */
        free_job(pool, worker);
        close_channel(pool, worker);
    }
    /* The helper of a stop that was cut off lets its processes run again. A service manager kills whoever is
     * left when we end, so it gets the time. */
    while (had_others && waitpid(-1, NULL, WNOHANG) >= 0 && clock_monotonic_ms() < until)
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* shorter is no harm */
    free(pool->workers);
    pool->workers = NULL;
    pool_forget_shared(pool);
}
