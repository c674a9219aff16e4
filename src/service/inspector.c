#include "service/inspector_parts.h"

#include "base/clock.h"
#include "base/log.h"
#include "service/channel.h"
#include "service/gate_roles.h"
#include "service/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>

enum { EVENT_CHANNEL = 1, EVENT_SIGNAL = 2, EVENT_PEERS = 3 };
enum { EVENTS_AT_ONCE = 32, MESSAGES_AT_ONCE = 64 };

static int watch(int epoll_fd, int fd, uint64_t data)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = data};
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int inspector_check(const struct config *config, struct error *error)
{
    struct gate_roles roles = {0};
    struct rule_list rules = {0};
    int r = rule_list_read(config->rules, &rules, error);

    if (r == 0)
        r = gate_roles_read(&roles, config, true, error);
    rule_list_release(&rules);
    gate_roles_release(&roles);
    return r;
}

int inspector_new(const struct config *config, const struct operation_context *context,
                  const struct operation *table, const int *listen_fds, size_t listen_count,
                  struct inspector **ret_inspector, struct error *error)
{
    struct inspector *inspector = calloc(1, sizeof *inspector);
    int r;

    if (!inspector)
        return error_errno(error, ENOMEM, "The inspector could not be set up");
    inspector->config = config;
    inspector->context = context;
    inspector->table = table;
    inspector->channel = inspector->peers_watched = -1;
    inspector->audit.fd = -1;
    inspector->last_number = (uint64_t)clock_realtime_ns() / 1000; /* unlike any of a service before */
    /* what a worker leaves behind when it is killed (src/kill/guard.h) is ours to collect */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1); /* Linux 3.4; else process 1 does it */
    inspector->signal_fd = signals_open();
    inspector->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    r = inspector->signal_fd < 0  ? inspector->signal_fd
        : inspector->epoll_fd < 0 ? -errno
                                  : watch(inspector->epoll_fd, inspector->signal_fd, EVENT_SIGNAL);
    if (r == 0)
        r = gate_new(config, listen_fds, listen_count, inspector->epoll_fd, &inspector->gate, error);
    if (r == 0)
        r = rule_list_read(config->rules, &inspector->rules, error);
    if (r == 0)
        r = audit_open(config->audit, &inspector->audit, error);
    if (r == 0)
        r = pool_init(&inspector->pool, config, context, table, &inspector->rules, &inspector->audit,
                      inspector->epoll_fd, error);
    if (r < 0) {
        inspector_free(inspector);
        return error_ensure(error, r, "The inspector could not be set up");
    }
    pool_prepare(&inspector->pool);
    *ret_inspector = inspector;
    return 0;
}

void inspector_set_peers(struct inspector *inspector, struct peers *peers)
{
    inspector->peers = peers;
}

void inspector_free(struct inspector *inspector)
{
    struct job *job;

    if (!inspector)
        return;
    while ((job = job_queue_pop(&inspector->queue)))
        job_free(job);
    while ((job = job_queue_pop(&inspector->own_queue)))
        job_free(job);
    while ((job = job_queue_pop(&inspector->prefer_queue)))
        job_free(job);
    while ((job = job_queue_pop(&inspector->gate_queue)))
        job_free(job);
    inspector->peers = NULL; /* its end is known */
    inspector_jobs_take_reports(inspector, true);
    pool_release(&inspector->pool);
    gate_free(inspector->gate);
    rule_list_release(&inspector->rules);
    audit_close(&inspector->audit);
    (void)fd_close(inspector->channel);   /* always -1 */
    (void)fd_close(inspector->signal_fd); /* likewise */
    (void)fd_close(inspector->epoll_fd);  /* likewise */
    free(inspector);
}

void inspector_forget_shared(struct inspector *inspector)
{
    pool_forget_shared(&inspector->pool);
}

/* One datagram of the front. False: no more for now. */
static bool take_message(struct inspector *inspector)
{
    struct error error = {0};
    struct job *job;
    int fds[2], fd, r;
    ssize_t n = channel_receive_several(inspector->channel, inspector->message, sizeof inspector->message,
                                        fds, ELEMENTS_OF(fds));

    fd = fds[0];
    if (n == -EAGAIN)
        return false;
    if (n == -EBADMSG) {
        log_warning("The front sent what is no request.");
        return true;
    }
    if (n <= 0) {
        for (size_t i = 0; i < ELEMENTS_OF(fds); i++)
            (void)fd_close(fds[i]); /* always -1; an empty message may carry some */
        inspector->channel_ended = true;
        return false;
    }
    r = job_new(inspector->table, inspector->context->service_pid, inspector->message, (size_t)n, fd,
                inspector->config->operation_timeout, inspector->config->dump_timeout, &job, &error);
    if (r == 0)
        inspector_jobs_take(inspector, job, fds[1]);
    (void)fd_close(fds[1]); /* always -1 */
    if (r == 0)
        return true;
    if (r == -EBADMSG)
        log_warning("The front sent what is no request: %s", error.text);
    /* fd may be anything here: only a pipe that was made non-blocking gets words */
    if (fd >= 0 && (fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK)) == (O_WRONLY | O_NONBLOCK))
        (void)!answer_write_error(fd, 0, error.code, error.text); /* nobody reads: fine */
    (void)fd_close(fd);                                           /* always -1 */
    return true;
}

static void begin_stop(struct inspector *inspector, uint32_t signal)
{
    if (inspector->stop_deadline_ms) {
        /* A person who presses Ctrl-C twice will not wait. A second SIGTERM means nothing: the stop of id 0
         * and a service manager may both have sent one. */
        inspector->hurry = inspector->hurry || signal == SIGINT;
        return;
    }
    inspector->stop_deadline_ms = clock_monotonic_ms() + inspector->config->stop_timeout;
    (void)sd_notify(0, "STOPPING=1\nSTATUS=Finishing running answers"); /* nobody has to listen */
    if (inspector->front_pid > 0)
        (void)kill(inspector->front_pid, SIGTERM); /* ours and not waited for yet */
    peers_stopping(inspector->peers);
}

static void watch_peers(struct inspector *inspector)
{
    int channel = inspector->peers ? inspector->peers->channel : -1;

    /* without memory for it they are heard when something else is */
    if (channel != inspector->peers_watched && channel >= 0)
        (void)!watch(inspector->epoll_fd, channel, EVENT_PEERS);
    inspector->peers_watched = channel;
}

/* By hand, since a descriptor stays in the set as long as any process has a copy of it. */
static bool peers_ended(struct inspector *inspector, pid_t pid, int status)
{
    if (!inspector->peers || inspector->peers->pid != pid)
        return false;
    inspector_jobs_take_reports(inspector, true);
    if (inspector->peers_watched >= 0)
        (void)epoll_ctl(inspector->epoll_fd, EPOLL_CTL_DEL, inspector->peers_watched, NULL); /* it is there */
    inspector->peers_watched = -1;
    return peers_child_ended(inspector->peers, pid, status);
}

static void collect_children(struct inspector *inspector)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == inspector->front_pid) {
            inspector->end.front_was_waited = true;
            inspector->end.front_status = status;
        } else if (!gate_child_ended(inspector->gate, pid) && !peers_ended(inspector, pid, status)) {
            (void)pool_child_ended(&inspector->pool, pid, status); /* else one that was given up before */
        }
    }
}

/* Who watches has to show again who he is. */
static void end_endless(struct inspector *inspector)
{
    pool_end_endless(&inspector->pool);
    peers_end_endless(inspector->peers);
}

static void reload(struct inspector *inspector)
{
    struct error error = {0};

    if (audit_reopen(inspector->config->audit, &inspector->audit, &error) < 0)
        log_error("%s It goes on in the old file.", error.text);
    else if (inspector->audit.fd >= 0)
        pool_renew(&inspector->pool);
    if (front_files_send(inspector->config, inspector->channel, &error) < 0)
        log_error("%s TLS goes on with what it has.", error.text);
    if (gate_reload(inspector->gate))
        end_endless(inspector);
}

static void take_signals(struct inspector *inspector)
{
    struct signalfd_siginfo signal;

    while (read(inspector->signal_fd, &signal, sizeof signal) == sizeof signal) {
        /* the kernel sends it, too, when a terminal is closed */
        if (signal.ssi_signo == SIGHUP && signal.ssi_code != SI_KERNEL)
            reload(inspector);
        else if (signal.ssi_signo != SIGCHLD)
            begin_stop(inspector, signal.ssi_signo);
    }
    /* SIGCHLD of several may have come as one; to look costs little */
    collect_children(inspector);
}

static void take_event(struct inspector *inspector, const struct epoll_event *event)
{
    uint64_t data = event->data.u64;

    if (data == EVENT_SIGNAL) {
        take_signals(inspector);
    } else if (data == EVENT_CHANNEL) {
        for (int i = 0; i < MESSAGES_AT_ONCE && take_message(inspector); i++)
            ;
    } else if (data == EVENT_PEERS) {
        inspector_jobs_take_reports(inspector, false);
    } else if (data >= GATE_EVENT) {
        /* all of them are taken in serve() */
    } else if (data >= POOL_READER_EVENT) {
        pool_reader_gone(&inspector->pool, (size_t)(data - POOL_READER_EVENT));
    } else {
        (void)pool_take_report(&inspector->pool, (size_t)(data - POOL_EVENT)); /* what waits looks itself */
    }
}

static int next_timeout(const struct inspector *inspector)
{
    uint64_t now = clock_monotonic_ms(), next = pool_next_deadline(&inspector->pool);

    if (gate_next_deadline(inspector->gate) < next)
        next = gate_next_deadline(inspector->gate);
    if (inspector_jobs_next_deadline(inspector) < next)
        next = inspector_jobs_next_deadline(inspector);
    if (peers_next_ms(inspector->peers) < next)
        next = peers_next_ms(inspector->peers);
    if (inspector->stop_deadline_ms && inspector->stop_deadline_ms < next)
        next = inspector->stop_deadline_ms;
    if (pool_is_watched(&inspector->pool) && now + GATE_LOOK_MS < next)
        next = now + GATE_LOOK_MS;
    if (next == UINT64_MAX)
        return -1;
    if (next <= now)
        return 0;
    return next - now < 3600000 ? (int)(next - now) : 3600000;
}

static bool is_over(const struct inspector *inspector)
{
    if (inspector->channel_ended || inspector->end.front_was_waited || inspector->hurry)
        return true;
    if (!inspector->stop_deadline_ms)
        return false;
    if (inspector->front_pid == 0 && !pool_is_busy(&inspector->pool) && !inspector_jobs_wait(inspector))
        return true;
    return clock_monotonic_ms() >= inspector->stop_deadline_ms;
}

static int serve(struct inspector *inspector, struct error *error)
{
    while (!is_over(inspector)) {
        struct epoll_event events[EVENTS_AT_ONCE];
        watch_peers(inspector);
        int count = epoll_wait(inspector->epoll_fd, events, EVENTS_AT_ONCE, next_timeout(inspector));
        uint64_t now;

        if (count < 0 && errno != EINTR)
            return error_errno(error, errno, "The inspector could not wait");
        if (gate_look(inspector->gate)) /* before who asks is decided by what was */
            end_endless(inspector);
        for (int i = 0; i < count; i++)
            take_event(inspector, &events[i]);
        now = clock_monotonic_ms();
        pool_check_deadlines(&inspector->pool, now);
        inspector_jobs_go_on(inspector, now);
        pool_measure(&inspector->pool, inspector->queue.count + inspector->prefer_queue.count);
        peers_tick(inspector->peers, now);
    }
    return 0;
}

int inspector_run(struct inspector *inspector, int channel, pid_t front_pid, struct inspector_end *ret_end,
                  struct error *error)
{
    int r = fcntl(channel, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;

    if (r == 0)
        r = watch(inspector->epoll_fd, channel, EVENT_CHANNEL);
    if (r < 0) {
        (void)fd_close(channel); /* always -1 */
        return error_errno(error, -r, "The front's channel could not be watched");
    }
    inspector->channel = channel;
    inspector->front_pid = front_pid;
    inspector->channel_ended = false;
    inspector->end = (struct inspector_end){0};
    r = serve(inspector, error);
    (void)epoll_ctl(inspector->epoll_fd, EPOLL_CTL_DEL, channel, NULL); /* it is there */
    inspector->channel = fd_close(channel);
    inspector->front_pid = 0;
    inspector->end.stopped = inspector->stop_deadline_ms != 0;
    if (r == 0)
        *ret_end = inspector->end;
    return r;
}
