/* An inspector in a process of its own, with operations made for tests; the test plays the front. */
#pragma once

#include "base/clock.h"
#include "base/log.h"
#include "service/channel.h"
#include "service/client.h"
#include "service/inspector.h"
#include "service/signals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

/* Answers {"pid":N} of its worker, after `ms`. */
static int run_echo(const struct operation_context *context, const struct request *request,
                    struct answer *answer, struct error *error)
{
    _cleanup_buffer_ struct buffer text = {0};
    struct json json = JSON_INIT(&text);
    uint64_t ms;
    int r = request_duration_ms(request, "time", 0, 3600000, &ms, error);

    (void)context;
    if (r < 0)
        return r;
    (void)nanosleep(&(struct timespec){.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000},
                    NULL);
    json_object_begin(&json);
    json_member_i64(&json, "pid", getpid());
    json_object_end(&json);
    return operation_answer_json(answer, &json, error);
}

static int run_fail(const struct operation_context *context, const struct request *request,
                    struct answer *answer, struct error *error)
{
    (void)context;
    (void)answer;
    return error_set(error, EBUSY, "It is %lld.", (long long)request->id);
}

static int run_crash(const struct operation_context *context, const struct request *request,
                     struct answer *answer, struct error *error)
{
    (void)context;
    (void)request;
    (void)answer;
    (void)error;
    (void)raise(SIGKILL);
    return 0;
}

static int run_silent(const struct operation_context *context, const struct request *request,
                      struct answer *answer, struct error *error)
{
    (void)context;
    (void)request;
    (void)answer;
    (void)error;
    return 0;
}

/* Takes `bytes` of memory and touches them. */
static int run_eat(const struct operation_context *context, const struct request *request,
                   struct answer *answer, struct error *error)
{
    uint64_t bytes;
    int r = request_u64(request, "bytes", 0, UINT64_MAX, &bytes, error);
    _cleanup_free_ char *memory = r == 0 ? malloc(bytes) : NULL;

    if (!memory)
        return error_errno(error, ENOMEM, "No memory");
    memset(memory, 1, bytes);
    return run_echo(context, request, answer, error);
}

static char stream_byte(uint64_t position)
{
    return (char)(position * 131 + position / 4096);
}

/* Streams `bytes`; with `unknown` without a length; with `die` it is killed after so many; with `short` it
 * ends after so many. */
static int run_stream(const struct operation_context *context, const struct request *request,
                      struct answer *answer, struct error *error)
{
    struct answer_head head = {.content_type = "application/octet-stream", .file_name = "x.dmp"};
    _cleanup_fields_ struct fields extra = {0};
    uint64_t bytes, die, end;
    struct sink *sink;
    bool unknown;
    int r = request_u64(request, "bytes", 0, UINT64_MAX, &bytes, error);

    (void)context;
    if (r == 0)
        r = request_u64(request, "die", UINT64_MAX, UINT64_MAX, &die, error);
    if (r == 0)
        r = request_u64(request, "short", UINT64_MAX, UINT64_MAX, &end, error);
    if (r == 0)
        r = request_bool(request, "unknown", false, &unknown, error);
    if (r == 0)
        r = fields_add(&extra, "X-Test", "yes");
    if (r < 0)
        return r;
    head.length = unknown ? -1 : (int64_t)bytes;
    head.extra = &extra;
    r = answer->begin(answer, &head, &sink, error);
    for (uint64_t done = 0; r == 0 && done < bytes && done < end;) {
        char piece[777];
        size_t count = bytes - done < sizeof piece ? (size_t)(bytes - done) : sizeof piece;
        for (size_t i = 0; i < count; i++)
            piece[i] = stream_byte(done + i);
        r = sink_write(sink, piece, count);
        done += count;
        if (done >= die)
            (void)raise(SIGKILL);
    }
    return error_ensure(error, r, "stream");
}

/* Answers who asks: "name role kind". */
static int run_who(const struct operation_context *context, const struct request *request,
                   struct answer *answer, struct error *error)
{
    struct answer_head head = {.content_type = "text/plain", .length = -1};
    _cleanup_buffer_ struct buffer text = {0};
    struct sink *sink;
    int r =
        buffer_append_format(&text, "%s %s %s", context->principal->name, role_name(context->principal->role),
                             principal_kind_name(context->principal->kind));

    (void)request;
    if (r == 0)
        r = answer->begin(answer, &head, &sink, error);
    return r < 0 ? r : sink_write(sink, text.data, text.size);
}

static const struct operation_argument test_arguments[] = {
    {"time", ARGUMENT_DURATION, ""},   {"bytes", ARGUMENT_NUMBER, ""}, {"die", ARGUMENT_NUMBER, ""},
    {"unknown", ARGUMENT_BOOLEAN, ""}, {"short", ARGUMENT_NUMBER, ""}, {0},
};

static const struct operation test_operations[] = {
    {.name = "echo", .role = ROLE_READER, .arguments = test_arguments, .run = run_echo},
    {.name = "operate", .role = ROLE_OPERATOR, .run = run_who},
    {.name = "take", .role = ROLE_DUMPER, .run = run_who},
    {.name = "rule", .role = ROLE_ADMIN, .run = run_who},
    {.name = "who", .role = ROLE_READER, .run = run_who},
    {.name = "heavy", .flags = OPERATION_HEAVY, .arguments = test_arguments, .run = run_echo},
    {.name = "waiting",
     .flags = OPERATION_OWN_WORKER,
     .arguments = test_arguments,
     .waits = "time",
     .run = run_echo},
    {.name = "learn", .flags = OPERATION_LEARNS, .arguments = test_arguments, .run = run_echo},
    {.name = "fail", .run = run_fail},
    {.name = "crash", .run = run_crash},
    {.name = "silent", .run = run_silent},
    {.name = "eat", .arguments = test_arguments, .run = run_eat},
    {.name = "stream", .arguments = test_arguments, .run = run_stream},
    {.name = "dump", .flags = OPERATION_HEAVY, .arguments = test_arguments, .run = run_stream},
    {0},
};

struct harness {
    struct config config;
    pid_t pid;
    int channel;
    int listener, connection; /* a Unix socket, and a client's connection, by whoever runs the test */
    int client;               /* its other end */
};

static struct sockaddr_un address_of(int listener, socklen_t *ret_size)
{
    struct sockaddr_un address;

    *ret_size = sizeof address;
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, ret_size), 0);
    return address;
}

static int listen_somewhere(void)
{
    const struct sockaddr_un any = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    /* the kernel chooses an abstract name */
    assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof any.sun_family), 0);
    assert_int_equal(listen(fd, 10), 0);
    return fd;
}

static int connect_to(int listener)
{
    socklen_t size;
    struct sockaddr_un address = address_of(listener, &size);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, size), 0);
    return fd;
}

/* arguments: flags of the configuration, ends with NULL. */
static struct harness *start_inspector(const char *const *arguments)
{
    struct harness *harness = calloc(1, sizeof *harness);
    struct config_wishes wishes;
    struct error error = {0};
    int ends[2], count = 0;

    assert_non_null(harness);
    signals_ignore((const int[]){SIGPIPE}, 1);
    while (arguments && arguments[count])
        count++;
    assert_int_equal(config_init(&harness->config), 0);
    if (config_read_arguments(&harness->config, count, (char **)arguments, &wishes, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(channel_pair(0, ends), 0);
    harness->channel = ends[0];
    harness->listener = listen_somewhere();
    harness->client = connect_to(harness->listener);
    harness->connection = accept4(harness->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(harness->connection >= 0);
    harness->pid = fork();
    assert_true(harness->pid >= 0);
    if (harness->pid == 0) {
        struct operation_context context = {
            .service_pid = getpid(), .machine_name = "M", .instance_id = "I", .stall_ms = 1000};
        struct inspector *inspector;
        struct inspector_end end;
        (void)close(ends[0]);
        log_configure(LOG_LEVEL_ERROR, "test");
        if (inspector_new(&harness->config, &context, test_operations, &harness->listener, 1, &inspector,
                          &error) < 0 ||
            inspector_run(inspector, ends[1], 0, &end, &error) < 0)
            _exit(99);
        inspector_free(inspector);
        /* nothing of ours may be left, not even a zombie */
        _exit(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? (end.stopped ? 10 : 20) : 98);
    }
    (void)close(ends[1]);
    return harness;
}

/* Returns the inspector's exit code. */
static int wait_inspector(struct harness *harness)
{
    int status;

    assert_int_equal(waitpid(harness->pid, &status, 0), harness->pid);
    config_release(&harness->config);
    (void)fd_close(harness->channel);
    (void)fd_close(harness->listener);
    (void)fd_close(harness->connection);
    (void)fd_close(harness->client);
    free(harness);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void end_inspector(struct harness *harness)
{
    harness->channel = fd_close(harness->channel);
    assert_int_equal(wait_inspector(harness), 20);
}

/* Asks; arguments are pairs of name and value, ended by NULL. */
_unused_ static struct answer_reader ask(struct harness *harness, const char *operation, int64_t id, ...)
{
    _cleanup_request_ struct request request = {.id = id};
    struct error error = {0};
    const char *name;
    va_list arguments;
    int fd, r;

    (void)snprintf(request.operation, sizeof request.operation, "%s", operation);
    va_start(arguments, id);
    while ((name = va_arg(arguments, const char *)))
        assert_int_equal(fields_add(&request.arguments, name, va_arg(arguments, const char *)), 0);
    va_end(arguments);
    /* as a front does on a 503, only more patient */
    while ((r = inspector_call(harness->channel, &request, harness->connection, &fd, &error)) == -EAGAIN)
        (void)poll(NULL, 0, 1);
    if (r < 0)
        fail_msg("%s", error.text);
    return ANSWER_READER_INIT(fd);
}

static void wait_for(const struct answer_reader *reader)
{
    struct pollfd waiting = {.fd = reader->fd, .events = POLLIN};
    assert_int_equal(poll(&waiting, 1, 60000), 1); /* only against a test that hangs */
}

/* The head: 0 or what answer_reader_head says at its end. */
static int head_of(struct answer_reader *reader)
{
    int r;
    while ((r = answer_reader_head(reader)) == -EAGAIN)
        wait_for(reader);
    return r;
}

/* The whole body, checked to be a stream's, or into text. Returns its size, or a negative errno. */
static ssize_t body_of(struct answer_reader *reader, char *text, size_t size)
{
    char piece[10000];
    size_t done = 0;

    for (;;) {
        ssize_t n = answer_reader_read(reader, piece, sizeof piece);
        if (n == -EAGAIN) {
            wait_for(reader);
            continue;
        }
        if (n <= 0)
            return n < 0 ? n : (ssize_t)done;
        for (ssize_t i = 0; i < n; i++, done++) {
            if (!text)
                assert_int_equal(piece[i], stream_byte(done));
            else if (done + 1 < size)
                text[done] = piece[i], text[done + 1] = '\0';
        }
    }
}

/* The errno that the answer says, 0 for a good one; -1 where it ended without a head. */
_unused_ static int code_of(struct answer_reader *reader)
{
    int r = head_of(reader);
    return r < 0 ? -1 : reader->message.code;
}

_unused_ static const char *message_of(const struct answer_reader *reader)
{
    const char *text = fields_get(&reader->message.fields, "message");
    return text ? text : "";
}

/* The pid in an echo's answer. */
_unused_ static pid_t pid_of(struct answer_reader *reader)
{
    char text[100] = "";
    const char *at = text + strlen("{\"pid\":");
    uint64_t pid = 0;

    assert_int_equal(code_of(reader), 0);
    assert_true(body_of(reader, text, sizeof text) > 0);
    for (; *at >= '0' && *at <= '9'; at++)
        pid = pid * 10 + (uint64_t)(*at - '0');
    assert_true(pid > 0);
    return (pid_t)pid;
}
