#include "service/service.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "ops/operation.h"
#include "proc/users.h"
#include "service/channel.h"
#include "service/debuginfo.h"
#include "service/front_files.h"
#include "service/inspector.h"
#include "service/peers.h"
#include "service/sandbox.h"
#include "service/signals.h"
#include "service/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

/* A front that dies more often than this within a minute is not started again. */
enum { FRONT_RESTARTS = 5, FRONT_RESTART_WINDOW_MS = 60000 };

struct service {
    const struct config *config;
    const int *listen_fds;
    size_t listen_count;
    front_function *front;
    void *data;
    struct inspector *inspector;
    struct peers *peers;
    uint64_t started_ms[FRONT_RESTARTS];
    size_t starts;
};

_Noreturn static void front_main(const struct service *service, int channel, pid_t service_pid)
{
    /* a terminal sends them to all: the service says SIGTERM */
    static const int ignored[] = {SIGINT, SIGHUP, SIGPIPE};
    struct front_start start = {.channel = channel,
                                .listen_fds = service->listen_fds,
                                .listen_count = service->listen_count,
                                .config = service->config,
                                .service_pid = service_pid,
                                .data = service->data};
    int kept[CONFIG_LISTEN_MAX * 8 + 1];
    size_t count = 0;
    struct error error = {0};

    kept[count++] = channel;
    for (size_t i = 0; i < service->listen_count && count < ELEMENTS_OF(kept); i++)
        kept[count++] = service->listen_fds[i];
    inspector_forget_shared(service->inspector);
    io_close_all_but(STDERR_FILENO + 1, kept, count);
    signals_ignore(ignored, ELEMENTS_OF(ignored));
    signals_unblock();
    (void)prctl(PR_SET_NAME, "procscope-http"); /* only a name */
    if (sandbox_drop_front(service->config, &error) < 0) {
        log_error("The front could not start: %s", error.text);
        _exit(EXIT_FAILURE);
    }
    /* after the change of user, which clears it; then look whether the service was gone before */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != service_pid)
        _exit(EXIT_FAILURE);
    _exit(service->front(&start));
}

static int start_front(const struct service *service, int *ret_channel, pid_t *ret_pid, struct error *error)
{
    _cleanup_close_ int ours = -1, theirs = -1;
    pid_t service_pid = getpid(), pid;
    int ends[2], r = channel_pair(0, ends);

    if (r < 0)
        return error_errno(error, -r, "The front could not be started");
    ours = ends[0];
    theirs = ends[1];
    pid = fork();
    if (pid == 0)
        front_main(service, theirs, service_pid);
    if (pid < 0)
        return error_errno(error, errno, "The front could not be started");
    *ret_channel = TAKE_FD(ours);
    *ret_pid = pid;
    return 0;
}

/* Whether one more start is within the limit. */
static bool may_start(struct service *service)
{
    uint64_t now = clock_monotonic_ms();
    size_t place = service->starts % FRONT_RESTARTS;

    if (service->starts >= FRONT_RESTARTS && now - service->started_ms[place] < FRONT_RESTART_WINDOW_MS)
        return false;
    service->started_ms[place] = now;
    service->starts++;
    return true;
}

/* Collects the front, which has ended or is made to. */
static void end_front(pid_t pid, struct inspector_end *end)
{
    if (end->front_was_waited)
        return;
    (void)kill(pid, SIGKILL); /* ours and not waited for yet */
    while (waitpid(pid, &end->front_status, 0) < 0 && errno == EINTR)
        ;
}

static int run_fronts(struct service *service, struct error *error)
{
    for (;;) {
        struct inspector_end end = {0};
        int channel = -1, r;
        pid_t pid = -1;

        if (!may_start(service))
            return error_set(error, EIO, "The network side ended %d times within a minute; giving up.",
                             FRONT_RESTARTS);
        r = start_front(service, &channel, &pid, error);
        if (r < 0)
            return r;
        r = front_files_send(service->config, channel, error);
        if (r < 0) {
            end_front(pid, &end);
            (void)fd_close(channel); /* always -1 */
            return r;
        }
        peers_start(service->peers); /* once there is somebody whom others could reach */
        if (service->starts == 1)
            (void)sd_notify(0, "READY=1\nSTATUS=Serving"); /* nobody has to listen */
        r = inspector_run(service->inspector, channel, pid, &end, error);
        end_front(pid, &end);
        if (r < 0 || end.stopped)
            return r;
        if (WIFEXITED(end.front_status) && WEXITSTATUS(end.front_status) == FRONT_IS_MISCONFIGURED)
            return error_set(error, EINVAL, "The network side can't do what is configured.");
        if (WIFSIGNALED(end.front_status))
            log_warning("The network side was ended by signal %d; starting another.",
                        WTERMSIG(end.front_status));
        else
            log_warning("The network side ended with code %d; starting another.",
                        WEXITSTATUS(end.front_status));
    }
}

/* Descriptors: a connection has its socket here and a pipe with two ends on the way. */
static void raise_descriptor_limit(const struct config *config)
{
    struct rlimit present;
    rlim_t wanted = config->connections * 4 + config->queue * 2 + 512;

    if (getrlimit(RLIMIT_NOFILE, &present) < 0 || present.rlim_cur >= wanted)
        return;
    present.rlim_cur = wanted < present.rlim_max ? wanted : present.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &present) < 0)
        log_warning("The limit of open files stays as it is: %s.", strerror(errno));
}

int service_run(const struct config *config, const int *listen_fds, size_t listen_count,
                front_function *front, void *front_data, peer_function *peer, void *peer_data,
                struct error *error)
{
    struct procfs procfs;
    struct peers peers = PEERS_INIT(config, *config->registry ? peer : NULL, peer_data);
    struct service service = {.config = config,
                              .listen_fds = listen_fds,
                              .listen_count = listen_count,
                              .front = front,
                              .peers = &peers,
                              .data = front_data};
    struct operation_context context = {
        .procfs = &procfs,
        .service_pid = getpid(),
        .machine_name = config->machine_name,
        .instance_id = config->instance_id,
        .main_pid = (pid_t)config->main_pid,
        .main_name = config->main_name[0] ? config->main_name : NULL,
        .main_pid_file = config->main_pid_file[0] ? config->main_pid_file : NULL,
        .stall_ms = config->stall_timeout,
        .min_rate = config->min_rate,
        .light_ms = config->operation_timeout,
        .max_dump_bytes = config->max_dump_bytes,
        .heavy_ms = config->dump_timeout,
        .redacts_environ = *config->redact,
        .secrets = config->secrets,
        .unmasked = (enum role)config->secrets_role,
    };
    int r = procfs_open("/proc", &procfs, error);

    if (r < 0)
        return r;
    r = debuginfo_configure(config, true, error); /* for all workers */
    if (r < 0)
        return r;
    raise_descriptor_limit(config);
    (void)user_name(geteuid()); /* loads what looks up names once, for all workers */
    r = sandbox_inspector(config, error);
    if (r == 0)
        r = inspector_new(config, &context, operations, listen_fds, listen_count, &service.inspector, error);
    if (r == 0) {
        inspector_set_peers(service.inspector, &peers);
        r = run_fronts(&service, error);
    }
    peers_end(&peers);
    inspector_free(service.inspector);
    procfs_close(&procfs);
    return r;
}
