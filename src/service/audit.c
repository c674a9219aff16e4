#include "service/audit.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "capture/process.h"
#include "proc/host.h"
#include "proc/users.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

/* A body is an argument, too, and in JSON six times as long at worst. */
enum { LINE_MAX_SIZE = 160 * 1024, ARGUMENTS_SIZE = 24 * 1024 };
enum { LOCK_MS = 2000, LOCK_STEP_NS = 200000 }; /* a line takes microseconds */

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static int open_file(const char *path, int *ret_fd, struct error *error)
{
    _cleanup_close_ int fd =
        open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
    struct stat facts;

    if (fd < 0 || fstat(fd, &facts) < 0)
        return error_errno(error, errno, "The audit can't be written into %.300s", path);
    if (!S_ISREG(facts.st_mode))
        return error_set(error, EINVAL, "audit = %.300s is no regular file.", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int audit_open(const char *where, struct audit *ret_audit, struct error *error)
{
    struct audit audit = {.fd = -1, .is_journal = strcmp(where, "journal") == 0};
    int r = 0;

    /* the library says nothing where there is no journal */
    if (audit.is_journal && access(JOURNAL_SOCKET, F_OK) < 0)
        return error_set(error, ENOENT,
                         "audit = journal, but there is no journal here (" JOURNAL_SOCKET ").");
    if (!audit.is_journal && strcmp(where, "off") != 0)
        r = open_file(where, &audit.fd, error);
    if (r == 0)
        *ret_audit = audit;
    return r;
}

void audit_close(struct audit *audit)
{
    audit->fd = fd_close(audit->fd);
    audit->is_journal = false;
}

int audit_reopen(const char *where, struct audit *audit, struct error *error)
{
    int fd = -1, r;

    if (audit->fd < 0)
        return 0;
    r = open_file(where, &fd, error);
    if (r < 0)
        return r;
    (void)fd_close(audit->fd); /* always -1 */
    audit->fd = fd;
    return 0;
}

static bool is_forward(const struct operation *operation)
{
    return strcmp(operation->name, "forward") == 0;
}

static bool takes(const struct operation *operation)
{
    return operation->role >= ROLE_OPERATOR || operation->flags & (OPERATION_CHANGES | OPERATION_AUDITED);
}

static bool wants_forward(const struct request *request)
{
    const char *name = request_string(request, "operation");
    const struct operation *there = name ? operation_find(name) : NULL;

    return there ? takes(there) : !name || strcmp(name, "-") != 0;
}

bool audit_wants(const struct operation *operation, const struct request *request)
{
    if (is_forward(operation))
        return wants_forward(request);
    if (operation->light && !(operation_request_flags(operation, request) & OPERATION_HEAVY))
        return false; /* it only looks */
    return takes(operation);
}

static bool is_off(const struct audit *audit)
{
    return audit->fd < 0 && !audit->is_journal;
}

static void member_time(struct json *json)
{
    struct timespec now;
    struct tm parts;

    (void)clock_gettime(CLOCK_REALTIME, &now); /* can't fail for this clock */
    (void)gmtime_r(&now.tv_sec, &parts);       /* nor for this time */
    json_key(json, "time");
    json_format(json, "%04d-%02d-%02dT%02d:%02d:%02d.%06ldZ", parts.tm_year + 1900, parts.tm_mon + 1,
                parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, now.tv_nsec / 1000);
}

static void members_request(struct json *json, const struct operation *operation,
                            const struct request *request)
{
    const struct principal *principal = &request->principal;

    json_member_u64(json, "number", request->number);
    json_member_string(json, "operation", operation->name);
    if (principal->name[0]) {
        json_member_string(json, "who", principal->name);
        json_member_string(json, "kind", principal_kind_name(principal->kind));
        json_member_string(json, "role", role_name(principal->role));
    }
    if (request->from[0])
        json_member_string(json, "from", request->from);
}

/* What is passed on comes with headers, cookies and a body. */
static bool is_shown(const struct operation *operation, const char *argument)
{
    return !is_forward(operation) || strcmp(argument, "instance") == 0 || strcmp(argument, "method") == 0 ||
           strcmp(argument, "target") == 0 || strcmp(argument, "operation") == 0;
}

static void member_arguments(struct json *json, const struct operation *operation,
                             const struct request *request)
{
    size_t size = 0;

    if (request->arguments.count == 0)
        return;
    json_key(json, "arguments");
    json_object_begin(json);
    for (size_t i = 0; i < request->arguments.count; i++) {
        const struct field *field = &request->arguments.items[i];
        if (!is_shown(operation, field->name))
            continue;
        size += strlen(field->name) + strlen(field->value);
        if (size < ARGUMENTS_SIZE) /* names are of the table, values may be long */
            json_member_string(json, field->name, field->value);
    }
    json_object_end(json);
}

/* pid and start together name a process for ever. */
static void member_target(struct json *json, const struct operation_context *context,
                          const struct pidref *target)
{
    struct proc_status status;
    struct proc_stat stat;
    struct host host;
    char name[256];

    json_key(json, "target");
    json_object_begin(json);
    json_member_i64(json, "id", target->pid);
    if (context && host_read(context->procfs, &host) == 0)
        json_member_i64(json, "start", host_time_of_ticks(&host, target->start_time) / 1000000);
    if (proc_stat_read(target->dir_fd, &stat) == 0) {
        process_full_name(target->dir_fd, stat.name, name, sizeof name);
        json_member_string(json, "name", name);
    }
    if (proc_status_read(target->dir_fd, &status) == 0)
        json_member_string(json, "user", user_name(status.uid[1]));
    json_object_end(json);
}

/* Of the processes that write into one file, one at a time. The kernel lets go of what a killed one had. Not
 * for ever: whoever may write to the file may lock it, too. */
static int lock_file(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    uint64_t until = clock_monotonic_ms() + LOCK_MS;

    while (fcntl(fd, F_SETLK, &whole) < 0) {
        if (errno != EAGAIN && errno != EACCES && errno != EINTR)
            return -errno;
        if (clock_monotonic_ms() >= until)
            return -ETIMEDOUT;
        (void)nanosleep(&(struct timespec){.tv_nsec = LOCK_STEP_NS}, NULL); /* shorter is no harm */
    }
    return 0;
}

static void unlock_file(int fd)
{
    struct flock whole = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

    (void)fcntl(fd, F_SETLK, &whole); /* it is ours, and closing the file lets go of it, too */
}

/* All of the line or nothing of it. Where a part stays all the same (its writer was killed, the machine fell,
 * the file can't be cut), the next line begins behind an end of line. */
static int append_line(int fd, const struct buffer *line)
{
    struct stat before, after;
    char last = '\n';
    int r = 0;

    if (fstat(fd, &before) < 0 || (before.st_size > 0 && pread(fd, &last, 1, before.st_size - 1) < 0))
        return -errno;
    if (last != '\n')
        r = io_write_full(fd, "\n", 1, -1);
    if (r == 0)
        r = io_write_full(fd, line->data, line->size, -1);
    /* not where somebody else has emptied it meanwhile */
    if (r < 0 && fstat(fd, &after) == 0 && after.st_size > before.st_size)
        (void)!ftruncate(fd, before.st_size); /* if it can't be cut: see above */
    return r;
}

static int write_line(const struct audit *audit, const struct buffer *line, bool flush)
{
    int r;

    if (audit->is_journal) {
        return sd_journal_send("MESSAGE=%s", line->data, "PRIORITY=5", "SYSLOG_IDENTIFIER=procscope-audit",
                               NULL);
    }
    r = lock_file(audit->fd);
    if (r < 0)
        return r;
    r = append_line(audit->fd, line);
    unlock_file(audit->fd);
    if (r == 0 && flush && fdatasync(audit->fd) < 0)
        r = -errno;
    return r;
}

/* Ends the document and writes it. */
static int finish(const struct audit *audit, struct json *json, bool flush)
{
    int r;

    json_object_end(json);
    r = json_finish(json);
    if (r == 0 && !audit->is_journal)
        r = buffer_append_string(json->out, "\n");
    return r < 0 ? r : write_line(audit, json->out, flush);
}

int audit_begin(const struct audit *audit, const struct operation *operation, const struct request *request,
                const struct pidref *target, const struct operation_context *context, struct error *error)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LINE_MAX_SIZE);
    struct json json = JSON_INIT(&text);
    int r;

    if (is_off(audit) || !audit_wants(operation, request))
        return 0;
    json_object_begin(&json);
    member_time(&json);
    json_member_string(&json, "event", "begin");
    members_request(&json, operation, request);
    if (target)
        member_target(&json, context, target);
    member_arguments(&json, operation, request);
    r = finish(audit, &json, true);
    if (r < 0)
        return error_set(error, EIO, "Nothing was done, since the audit could not be written: %s.",
                         strerror(-r));
    return 0;
}

void audit_end(const struct audit *audit, const struct operation *operation, const struct request *request,
               const struct audit_end *end)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LINE_MAX_SIZE);
    struct json json = JSON_INIT(&text);
    int r;

    if (is_off(audit) || !audit_wants(operation, request))
        return;
    json_object_begin(&json);
    member_time(&json);
    json_member_string(&json, "event", "end");
    members_request(&json, operation, request);
    json_member_string(&json, "result", end->code == 0 ? "done" : end->has_begun ? "cut" : "failed");
    if (end->code != 0)
        json_member_string(&json, "error", strerrorname_np(end->code));
    json_member_u64(&json, "bytes", end->bytes);
    json_member_u64(&json, "ms", end->duration_ms);
    if (end->pause_us >= 0)
        json_member_i64(&json, "pause_us", end->pause_us);
    r = finish(audit, &json, false);
    if (r < 0)
        log_error("The audit could not be written: %s.", strerror(-r));
}

/* Whether it is one of those that are written of this second. */
static bool count_refused(struct audit *audit)
{
    uint64_t now = clock_monotonic_ms();

    if (now - audit->refused_ms >= 1000) {
        audit->refused_ms = now;
        audit->refused = 0;
    }
    if (++audit->refused <= AUDIT_REFUSED_A_SECOND)
        return true;
    audit->left_out++;
    return false;
}

static void begin_refused(struct json *json, const struct operation *operation, const struct request *request)
{
    json_object_begin(json);
    member_time(json);
    json_member_string(json, "event", "refused");
    members_request(json, operation, request);
    json_member_i64(json, "id", request->id);
}

static void end_refused(const struct audit *audit, struct json *json, const struct error *error)
{
    int r;

    json_member_string(json, "error", strerrorname_np(error->code));
    json_member_string(json, "message", error->text);
    r = finish(audit, json, false);
    if (r < 0)
        log_error("The audit could not be written: %s.", strerror(-r));
}

void audit_refused(struct audit *audit, const struct operation *operation, const struct request *request,
                   const struct error *error)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LINE_MAX_SIZE);
    struct json json = JSON_INIT(&text);

    if (is_off(audit) || !audit_wants(operation, request) || !count_refused(audit))
        return;
    begin_refused(&json, operation, request);
    if (audit->left_out > 0)
        json_member_u64(&json, "left_out", audit->left_out);
    audit->left_out = 0;
    end_refused(audit, &json, error);
}

void audit_denied(const struct audit *audit, const struct operation *operation, const struct request *request,
                  const struct pidref *target, const struct operation_context *context,
                  const struct error *error)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(LINE_MAX_SIZE);
    struct json json = JSON_INIT(&text);

    if (is_off(audit) || !audit_wants(operation, request))
        return;
    begin_refused(&json, operation, request);
    if (target)
        member_target(&json, context, target);
    member_arguments(&json, operation, request);
    end_refused(audit, &json, error);
}
