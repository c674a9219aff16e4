#include "service/peers.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "service/channel.h"
#include "service/sandbox.h"
#include "service/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RESTART_MS = 1000, END_MS = 2000, END_STEP_MS = 10 };

_Noreturn static void peer_main(const struct peers *peers, int channel, pid_t service_pid)
{
    /* a terminal sends them to all: the service says SIGTERM */
    static const int ignored[] = {SIGINT, SIGHUP, SIGPIPE};
    struct peer_start start = {.channel = channel, .config = peers->config, .data = peers->data};
    struct error error = {0};

    io_close_all_but(STDERR_FILENO + 1, &channel, 1);
    signals_ignore(ignored, ELEMENTS_OF(ignored));
    signals_unblock();
    (void)prctl(PR_SET_NAME, "procscope-peer"); /* only a name */
    if (sandbox_drop_front(peers->config, &error) < 0) {
        log_error("Other instances can't be talked to: %s", error.text);
        _exit(EXIT_FAILURE);
    }
    /* after the change of user, which clears it; then look whether the service was gone before */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != service_pid)
        _exit(EXIT_FAILURE);
    _exit(peers->run(&start));
}

void peers_start(struct peers *peers)
{
    pid_t service_pid = getpid(), pid;
    int ends[2], r;

    if (!peers->run || peers->pid > 0)
        return;
    peers->started_ms = clock_monotonic_ms();
    r = channel_pair(0, ends);
    if (r < 0) {
        log_warning("Other instances can't be talked to: %s.", strerror(-r));
        return;
    }
    pid = fork();
    if (pid == 0)
        peer_main(peers, ends[1], service_pid);
    (void)fd_close(ends[1]); /* always -1 */
    if (pid < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
        log_warning("Other instances can't be talked to: %s.", strerror(errno));
        (void)fd_close(ends[0]); /* always -1; one that runs ends with it, and is collected like any other */
        return;
    }
    peers->channel = ends[0];
    peers->pid = pid;
}

bool peers_child_ended(struct peers *peers, pid_t pid, int status)
{
    if (!peers || pid <= 0 || pid != peers->pid)
        return false;
    peers->pid = 0;
    peers->channel = fd_close(peers->channel);
    if (WIFSIGNALED(status))
        log_warning("The process for other instances was ended by signal %d; starting another.",
                    WTERMSIG(status));
    else
        log_warning("The process for other instances ended with code %d; starting another.",
                    WEXITSTATUS(status));
    return true;
}

uint64_t peers_next_ms(const struct peers *peers)
{
    return peers && peers->run && peers->pid == 0 ? peers->started_ms + RESTART_MS : UINT64_MAX;
}

void peers_tick(struct peers *peers, uint64_t now_ms)
{
    if (peers_next_ms(peers) <= now_ms)
        peers_start(peers);
}

/* What a request that is passed on needs is for the other one to say, who gets told the client's role. */
const struct operation peers_operations[] = {
    {.name = "forward",
     .summary = "A request that another instance answers",
     .flags = OPERATION_ELSEWHERE | OPERATION_NO_TARGET,
     .role = ROLE_READER},
    {.name = "instance-list",
     .summary = "All instances",
     .flags = OPERATION_ELSEWHERE | OPERATION_NO_TARGET,
     .role = ROLE_READER},
    {0},
};

static int send_request(struct peers *peers, const struct request *request, int fd, struct error *error)
{
    _cleanup_buffer_ struct buffer message = BUFFER_INIT(LIMIT_MESSAGE);
    int r;

    if (!peers || !peers->run)
        return error_set(error, EOPNOTSUPP, "This instance knows no others: it has no registry.");
    r = request_encode(request, &message);
    if (r < 0)
        return error_set(error, EINVAL, "The request is too large.");
    r = peers->channel < 0 ? -EAGAIN : channel_send(peers->channel, message.data, message.size, fd);
    if (r < 0) /* also one that is just ending */
        return error_set(error, EAGAIN, "The process for other instances is not keeping up; try again.");
    return 0;
}

/* For the other one it is signed who asks. Without a key it can't know, and takes whoever comes from this
 * machine as it is set up to: no more than he may who may everything here, too. */
static int sign(struct job *job, const struct gate *gate, struct error *error)
{
    const char *audience = request_string(&job->request, "instance");
    const char *method = request_string(&job->request, "method");
    const char *target = request_string(&job->request, "target");
    _cleanup_free_ char *asked = NULL;
    char token[GATE_TOKEN_SIZE];
    int r;

    if (request_string(&job->request, "bearer") || !audience || strchr(audience, '~') || !method || !target)
        return error_set(error, EBADMSG, "The front sent what can't be passed on.");
    if (asprintf(&asked, "%s %s", method, target) < 0) {
        asked = NULL;
        return error_errno(error, ENOMEM, "The request could not be passed on");
    }
    r = gate_sign(gate, &job->request.principal, audience, asked, token);
    if (r == 0)
        r = fields_add(&job->request.arguments, "bearer", token);
    else if (r == -ENOKEY && job->request.principal.role == ROLE_ADMIN)
        r = 0;
    else if (r == -ENOKEY)
        r = error_set(
            error, EACCES,
            "Without a cluster-key other instances can't be told who asks, so only an admin is passed on.");
    explicit_bzero(token, sizeof token);
    return error_ensure(error, r, "The request could not be passed on");
}

int peers_give(struct peers *peers, struct job *job, const struct gate *gate, struct error *error)
{
    int r = strcmp(job->operation->name, "forward") == 0 ? sign(job, gate, error) : 0;

    return r < 0 ? r : send_request(peers, &job->request, job->answer_fd, error);
}

bool peers_take_report(struct peers *peers, struct peers_report *ret_report)
{
    int fd = -1;
    ssize_t n = -EAGAIN;

    if (peers && peers->channel >= 0)
        n = channel_receive(peers->channel, ret_report, sizeof *ret_report, &fd);
    (void)fd_close(fd); /* none is expected; always -1 */
    return n == sizeof *ret_report;
}

void peers_end_endless(struct peers *peers)
{
    struct request request = {.operation = PEERS_END_ENDLESS, .principal.role = ROLE_ADMIN};
    struct error error;

    /* should it be behind, it is so with what it sends, too, and those streams will not last */
    if (peers && peers->channel >= 0)
        (void)!send_request(peers, &request, -1, &error);
}

void peers_stopping(struct peers *peers)
{
    if (!peers)
        return;
    if (peers->pid > 0)
        (void)kill(peers->pid, SIGTERM); /* ours and not waited for yet */
    peers->run = NULL;                   /* no other one */
}

void peers_end(struct peers *peers)
{
    if (peers->pid <= 0)
        return;
    peers->run = NULL;
    peers->channel = fd_close(peers->channel);
    for (int waited = 0; waitpid(peers->pid, NULL, WNOHANG) == 0; waited += END_STEP_MS) {
        if (waited == END_MS)
            (void)kill(peers->pid, SIGKILL);
        (void)poll(NULL, 0, END_STEP_MS);
    }
    peers->pid = 0;
}
