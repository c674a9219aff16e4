/* The whole service with fronts made for tests: what a front may still do, what becomes of the service when
 * it dies, and how all of it ends. */
#include "service/service.h"

#include "base/log.h"
#include "service/client.h"
#include "service/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

/* What fronts and tests tell each other. */
static struct shared {
    _Atomic int starts, stopped, failed_line, done;
    _Atomic uid_t uid;
    _Atomic pid_t service;
} * shared;

#define FRONT_EXPECT(condition)                                                                              \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            shared->failed_line = __LINE__;                                                                  \
            return 1;                                                                                        \
        }                                                                                                    \
    } while (0)

static _Atomic int terminated;

static void note_term(int signal)
{
    (void)signal;
    terminated = 1;
}

static void wait_for_term(void)
{
    while (!terminated)
        (void)poll(NULL, 0, 10);
    shared->stopped = 1;
}

/* Asks the inspector and returns the answer's code; text gets the body. */
static int connection = -1; /* of a client on this machine */

static int ask(int channel, const char *operation, int64_t id, char *text, size_t size)
{
    _cleanup_request_ struct request request = {.id = id};
    struct error error;
    struct pollfd waiting = {.events = POLLIN};
    int r;
    ssize_t n;

    (void)snprintf(request.operation, sizeof request.operation, "%s", operation);
    if (inspector_call(channel, &request, connection, &waiting.fd, &error) < 0)
        return -1;
    _cleanup_answer_reader_ struct answer_reader reader = ANSWER_READER_INIT(waiting.fd);
    while ((r = answer_reader_head(&reader)) == -EAGAIN)
        (void)poll(&waiting, 1, -1);
    if (r < 0)
        return -2;
    for (size_t done = 0;;) {
        n = answer_reader_read(&reader, text + done, size - 1 - done);
        if (n == -EAGAIN)
            (void)poll(&waiting, 1, -1);
        else if (n <= 0)
            return text[done] = '\0', n < 0 ? -3 : reader.message.code;
        else
            done += (size_t)n;
    }
}

static void *in_a_thread(void *data)
{
    *(int *)data = 1;
    return malloc(1 << 20);
}

#if !defined(SANDBOX_SANITIZED)
/* A listening socket that is shut down for reading can be connected again, and sendto() does it without
 * connect(). */
static int can_not_reach_out(int listening)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    struct msghdr message = {.msg_name = &address, .msg_namelen = sizeof address};
    int end = dup(listening);

    FRONT_EXPECT(end >= 0 && getsockname(listening, (struct sockaddr *)&address, &size) == 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    FRONT_EXPECT(sendto(end, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&address, size) < 0 && errno == EPERM);
    FRONT_EXPECT(sendmsg(end, &message, MSG_FASTOPEN) < 0 && errno == EPERM);
    (void)close(end);
    return 0;
}

/* The inspector closes what we send it, and writes errors into our pipes. */
static int can_not_keep_waiting(void)
{
    const struct linger patient = {.l_onoff = 1, .l_linger = 3600};
    int ends[2], no = 0;

    FRONT_EXPECT(setsockopt(connection, SOL_SOCKET, SO_LINGER, &patient, sizeof patient) < 0 &&
                 errno == EPERM);
    FRONT_EXPECT(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    FRONT_EXPECT(fcntl(ends[1], F_SETFL, 0) < 0 && errno == EPERM);
    FRONT_EXPECT(ioctl(ends[1], FIONBIO, &no) < 0 && errno == EPERM);
    FRONT_EXPECT(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return 0;
}
#endif

/* Before and after the seal. */
static int curious_front(const struct front_start *start)
{
    static char text[4 << 20];
    cap_t capabilities = cap_get_proc(), none = cap_init();
    struct error error = {0};
    pthread_t thread;
    void *memory;
    int ran = 0, status = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

    FRONT_EXPECT(capabilities && none && cap_compare(capabilities, none) == 0);
    FRONT_EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    FRONT_EXPECT(prctl(PR_GET_DUMPABLE) == 0);
    FRONT_EXPECT(getppid() == start->service_pid);
    FRONT_EXPECT(status >= 0 || errno == EACCES); /* a process that is not dumpable belongs to root */
    (void)close(status);
    if (sandbox_seal_front(&error) < 0) {
        log_error("%s", error.text);
        FRONT_EXPECT(false);
    }
#if !defined(SANDBOX_SANITIZED)
    FRONT_EXPECT(open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 && errno == EPERM);
    FRONT_EXPECT(open("/proc/self/stat", O_RDONLY | O_CLOEXEC) < 0 && errno == EPERM);
    FRONT_EXPECT(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 && errno == EPERM);
    FRONT_EXPECT(ptrace(PTRACE_SEIZE, getppid(), NULL, NULL) < 0 && errno == EPERM);
    FRONT_EXPECT(kill(getpid(), 0) < 0 && errno == EPERM);
    FRONT_EXPECT(fcntl(0, F_SETOWN, getppid()) < 0 && errno == EPERM);
    FRONT_EXPECT(fork() < 0 && errno == EPERM);
    FRONT_EXPECT(execl("/bin/true", "true", NULL) < 0 && errno == EPERM);
    FRONT_EXPECT(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    FRONT_EXPECT(can_not_reach_out(start->listen_fds[0]) == 0);
    FRONT_EXPECT(can_not_keep_waiting() == 0);
#endif
    FRONT_EXPECT(pthread_create(&thread, NULL, in_a_thread, &ran) == 0);
    FRONT_EXPECT(pthread_join(thread, &memory) == 0 && ran && memory);
    free(memory);
    FRONT_EXPECT(ask(start->channel, "list", 0, text, sizeof text) == 0);
    FRONT_EXPECT(strstr(text, "\"name\":\"test_service_se"));
    FRONT_EXPECT(ask(start->channel, "show", 0, text, sizeof text) == 0);
    FRONT_EXPECT(ask(start->channel, "gcdump", 0, text, sizeof text) == EOPNOTSUPP);
    FRONT_EXPECT(accept(start->listen_fds[0], NULL, NULL) < 0 && errno == EAGAIN);
    shared->uid = getuid();
    shared->done = 1;
    wait_for_term();
    return 0;
}

/* The stop of id 0: the answer comes whole, then the service ends. */
static int stopping_front(const struct front_start *start)
{
    char text[4096], expected[64];

    (void)snprintf(expected, sizeof expected, "{\"ended\":[%d],\"remaining\":[]}", (int)start->service_pid);
    FRONT_EXPECT(ask(start->channel, "stop", 0, text, sizeof text) == 0);
    FRONT_EXPECT(strcmp(text, expected) == 0);
    /* its own processes are not ended by their pids */
    FRONT_EXPECT(ask(start->channel, "stop", getpid(), text, sizeof text) == EINVAL);
    wait_for_term();
    return 0;
}

static int dying_front(const struct front_start *start)
{
    (void)start;
    if (++shared->starts < 3)
        (void)raise(SIGKILL);
    shared->done = 1;
    wait_for_term();
    return 0;
}

static int always_dying_front(const struct front_start *start)
{
    (void)start;
    shared->starts++;
    return 3;
}

static _Noreturn int deaf_front(const struct front_start *start)
{
    (void)start;
    (void)sigaction(SIGTERM, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    shared->done = 1;
    for (;;)
        (void)poll(NULL, 0, 1000);
}

static int connect_and_accept(int listening)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct pollfd waited = {.fd = listening, .events = POLLIN};

    if (getsockname(listening, (struct sockaddr *)&address, &size) < 0)
        _exit(98);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(client, (struct sockaddr *)&address, size) < 0 || poll(&waited, 1, 10000) != 1)
        _exit(97);
    return accept4(listening, NULL, NULL, SOCK_CLOEXEC);
}

static pid_t started; /* the service, while nobody has waited for its end */

/* Starts the service in a process of its own. It exits with 0 where service_run returns 0, else 50. */
static pid_t start_service(front_function *front, uint64_t stop_timeout)
{
    pid_t pid;

    memset(shared, 0, sizeof *shared);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct config config;
        struct error error = {0};
        int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;
        int kept[2];
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        log_configure(LOG_LEVEL_ERROR, "test");
        if (listening < 0 || listen(listening, 1) < 0 || config_init(&config) < 0 ||
            config_settle(&config, &error) < 0)
            _exit(99);
        config.stop_timeout = stop_timeout;
        kept[0] = listening;
        kept[1] = connection = connect_and_accept(listening);
        /* fronts inherit it; the service itself blocks the signal */
        (void)sigaction(SIGTERM, &(struct sigaction){.sa_handler = note_term}, NULL);
        shared->service = getpid();
        r = service_run(&config, kept, 2, front, NULL, NULL, NULL, &error);
        config_release(&config);
        if (r < 0 && !strstr(error.text, "giving up"))
            log_error("%s", error.text);
        _exit(r == 0 ? 0 : 50);
    }
    return started = pid;
}

/* A test that fails leaves none behind; its processes die with the service. */
static int end_service(void **state)
{
    (void)state;
    if (started > 0 && kill(started, SIGKILL) == 0)
        (void)waitpid(started, NULL, 0);
    started = 0;
    return 0;
}

static int exit_code(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    started = 0;
    assert_true(WIFEXITED(status));
    if (shared->failed_line)
        fail_msg("the front failed in line %d", shared->failed_line);
    return WEXITSTATUS(status);
}

static void wait_done(void)
{
    for (int i = 0; !shared->done && !shared->failed_line && i < 20000; i++)
        (void)poll(NULL, 0, 1);
    if (shared->failed_line)
        fail_msg("the front failed in line %d", shared->failed_line);
    assert_true(shared->done);
}

static void a_front_can_only_ask(void **state)
{
    pid_t service = start_service(curious_front, 10000);
    (void)state;

    wait_done();
    if (geteuid() == 0)
        assert_int_not_equal(shared->uid, 0);
    assert_int_equal(kill(service, SIGTERM), 0);
    assert_int_equal(exit_code(service), 0);
    assert_true(shared->stopped);
}

static void the_stop_of_id_0_ends_the_service(void **state)
{
    (void)state;

    assert_int_equal(exit_code(start_service(stopping_front, 10000)), 0);
    assert_true(shared->stopped);
}

static void a_front_that_dies_is_started_again(void **state)
{
    pid_t service = start_service(dying_front, 10000);
    (void)state;

    wait_done();
    assert_int_equal(shared->starts, 3);
    assert_int_equal(kill(service, SIGINT), 0);
    assert_int_equal(exit_code(service), 0);
    assert_true(shared->stopped);
}

static void a_front_that_always_dies_ends_the_service(void **state)
{
    (void)state;

    assert_int_equal(exit_code(start_service(always_dying_front, 10000)), 50);
    assert_int_equal(shared->starts, 5);
}

static void a_front_that_does_not_stop_is_ended(void **state)
{
    pid_t service = start_service(deaf_front, 50);
    (void)state;

    wait_done();
    assert_int_equal(kill(service, SIGTERM), 0);
    assert_int_equal(exit_code(service), 0);
}

static int share(void **state)
{
    (void)state;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return shared == MAP_FAILED ? -1 : 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_front_can_only_ask, end_service),
        cmocka_unit_test_teardown(the_stop_of_id_0_ends_the_service, end_service),
        cmocka_unit_test_teardown(a_front_that_dies_is_started_again, end_service),
        cmocka_unit_test_teardown(a_front_that_always_dies_ends_the_service, end_service),
        cmocka_unit_test_teardown(a_front_that_does_not_stop_is_ended, end_service),
    };
    return cmocka_run_group_tests(tests, share, NULL);
}
