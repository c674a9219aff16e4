#include "service/job.h"

#include "base/clock.h"
#include "service/peers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

/* An operation with a worker of its own (stop) has bounds of its own for what it does, and must not be cut
 * off in the middle of it: the deadline is only against a hang. */
enum { OWN_WORKER_LEAST_MS = 15000 };

/* The answer must go into a pipe, and writing must never block the inspector. */
static int check_answer_fd(int fd, struct error *error)
{
    struct stat facts;
    int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);

    if (flags < 0 || fstat(fd, &facts) < 0 || !S_ISFIFO(facts.st_mode) || (flags & O_ACCMODE) != O_WRONLY)
        return error_set(error, EBADMSG, "A request came without a pipe for its answer.");
    if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return error_errno(error, errno, "An answer's pipe could not be set up");
    return 0;
}

static int deadline_of(struct job *job, const struct request *request, uint64_t limit_ms, struct error *error)
{
    uint64_t waits = 0;

    if (job->flags & OPERATION_OWN_WORKER && limit_ms < OWN_WORKER_LEAST_MS)
        limit_ms = OWN_WORKER_LEAST_MS;
    if (job->operation->waits) {
        int r = request_duration_ms(request, job->operation->waits, 0, LIMIT_LONGEST_MS, &waits, error);
        if (r < 0)
            return r;
    }
    job->limit_ms = limit_ms + waits;
    if (job->flags & OPERATION_ENDLESS) {
        job->deadline_ms = UINT64_MAX;
        return 0;
    }
    job->deadline_ms = clock_monotonic_ms() + job->limit_ms;
    return 0;
}

int job_new(const struct operation *table, pid_t service_pid, const void *bytes, size_t size, int answer_fd,
            uint64_t light_ms, uint64_t heavy_ms, struct job **ret_job, struct error *error)
{
    _cleanup_request_ struct request request = {0};
    _cleanup_free_ struct job *job = NULL;
    int r = check_answer_fd(answer_fd, error);

    if (r == 0)
        r = request_decode(bytes, size, &request, error);
    if (r < 0)
        return r;
    if (request.id < REQUEST_ID_WANTED || request.id > (int64_t)LIMIT_PROCESSES)
        return error_set(error, ESRCH, "Process with an Id of %lld is not running.", (long long)request.id);
    job = calloc(1, sizeof *job);
    if (!job)
        return error_errno(error, ENOMEM, "The request could not be kept");
    job->began_ms = clock_monotonic_ms();
    job->operation = operation_find_in(table, request.operation);
    if (!job->operation)
        job->operation = operation_find_in(peers_operations, request.operation);
    if (!job->operation)
        return error_set(error, EOPNOTSUPP, "There is no operation '%s'.", request.operation);
    job->target = request.id == REQUEST_ID_SELF ? service_pid : request.id;
    job->flags = operation_request_flags(job->operation, &request);
    r = deadline_of(job, &request, job->flags & OPERATION_HEAVY ? heavy_ms : light_ms, error);
    if (r < 0)
        return r;
    job->message.limit = LIMIT_MESSAGE;
    job->request = request;
    request = (struct request){0};
    job->answer_fd = answer_fd;
    *ret_job = TAKE_PTR(job);
    return 0;
}

void job_free(struct job *job)
{
    if (!job)
        return;
    (void)fd_close(job->answer_fd); /* always -1 */
    request_release(&job->request);
    buffer_release(&job->message);
    free(job);
}

int job_admit(struct job *job, const struct principal *principal, struct error *error)
{
    struct principal *asks = &job->request.principal;
    int r;

    *asks = *principal;
    if (job->request.for_reader && asks->role > ROLE_READER)
        asks->role = ROLE_READER;
    r = operation_check_role(asks, job->operation->role, job->operation->name, error);
    if (r < 0)
        return r;
    /* what was shown is of no use to a worker */
    if (job->request.authorization)
        explicit_bzero(job->request.authorization, strlen(job->request.authorization));
    free(job->request.authorization);
    free(job->request.certificate);
    free(job->request.asked);
    job->request.authorization = job->request.certificate = job->request.asked = NULL;
    r = request_encode(&job->request, &job->message);
    return error_ensure(error, r, "The request could not be kept");
}

bool job_reader_gone(const struct job *job)
{
    struct pollfd waiting = {.fd = job->answer_fd};
    return poll(&waiting, 1, 0) > 0 && (waiting.revents & POLLERR);
}

void job_queue_push(struct job_queue *queue, struct job *job)
{
    job->next = NULL;
    if (queue->last)
        queue->last->next = job;
    else
        queue->first = job;
    queue->last = job;
    queue->count++;
}

struct job *job_queue_take(struct job_queue *queue, uint64_t number)
{
    struct job *found = NULL;

    for (size_t count = queue->count; count > 0; count--) {
        struct job *job = job_queue_pop(queue);
        if (!found && job->request.number == number)
            found = job;
        else
            job_queue_push(queue, job);
    }
    return found;
}

struct job *job_queue_pop(struct job_queue *queue)
{
    struct job *job = queue->first;

    if (!job)
        return NULL;
    queue->first = job->next;
    if (!queue->first)
        queue->last = NULL;
    queue->count--;
    job->next = NULL;
    return job;
}
