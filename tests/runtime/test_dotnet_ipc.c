/* What a runtime is asked, and answers of all kinds, of a socket that we listen at ourselves. */
#include "runtime/dotnet_ipc.h"
#include "runtime/dotnet_session.h"

#include "base/clock.h"

#include "dotnet_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Says the answers, one a connection, and closes. */
struct port {
    char folder[32], path[64];
    int listen_fd;
    pthread_t thread;
    const struct buffer *answers;
    size_t count;
    uint8_t asked[4][256];
    ssize_t asked_size[4];
};

static void *serve(void *data)
{
    struct port *port = data;

    for (size_t i = 0; i < port->count; i++) {
        int fd = accept4(port->listen_fd, NULL, NULL, SOCK_CLOEXEC);

        port->asked_size[i] = recv(fd, port->asked[i], sizeof port->asked[i], 0);
        (void)!send(fd, port->answers[i].data, port->answers[i].size, MSG_NOSIGNAL);
        (void)close(fd);
    }
    return NULL;
}

static void open_port(struct port *port, struct dotnet *dotnet, const struct pidref *process)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)snprintf(port->folder, sizeof port->folder, "/tmp/test-dotnet-XXXXXX");
    assert_non_null(mkdtemp(port->folder));
    (void)snprintf(port->path, sizeof port->path, "%s/socket", port->folder);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", port->path);
    port->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(port->listen_fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(port->listen_fd, 4), 0);
    *dotnet = (struct dotnet){.process = process,
                              .socket_fd = open(port->path, O_PATH | O_CLOEXEC),
                              .user = geteuid(),
                              .group = getegid()};
    assert_true(dotnet->socket_fd >= 0);
    assert_int_equal(pthread_create(&port->thread, NULL, serve, port), 0);
}

static void close_port(struct port *port, struct dotnet *dotnet)
{
    assert_int_equal(pthread_join(port->thread, NULL), 0);
    (void)close(port->listen_fd);
    (void)unlink(port->path);
    (void)rmdir(port->folder);
    dotnet_release(dotnet);
}

/* size: what the head says; 0: what is true. */
static void put_answer(struct buffer *out, uint8_t word, const void *bytes, size_t length, uint16_t size)
{
    put(out, "DOTNET_IPC_V1", 14);
    put16(out, size ? size : (uint16_t)(20 + length));
    put8(out, 0xff);
    put8(out, word);
    put16(out, 0);
    put(out, bytes, length);
}

static uint64_t soon(void)
{
    return clock_monotonic_ms() + 20000;
}

static void test_version(void **state)
{
    static const struct pidref process = {.pid = 1, .dir_fd = -1, .pid_fd = -1};
    _cleanup_buffer_ struct buffer payload = BUFFER_INIT(0);
    struct buffer answers[] = {BUFFER_INIT(0), BUFFER_INIT(0)};
    struct port port = {.answers = answers, .count = ELEMENTS_OF(answers)};
    char version[DOTNET_VERSION_SIZE];
    struct dotnet dotnet;
    struct error error = {0};

    (void)state;
    for (int i = 0; i < 3; i++)
        put64(&payload, 1);
    for (int i = 0; i < 4; i++) {
        put32(&payload, 2);
        put_text(&payload, "x");
    }
    put32(&payload, 7);
    put_text(&payload, "10.0.9");
    put_answer(&answers[0], 0, payload.data, payload.size, 0);
    put_answer(&answers[1], 0xff, "\x85\x13\x13\x80", 4, 0); /* it doesn't know the command */
    open_port(&port, &dotnet, &process);
    assert_int_equal(dotnet_version(&dotnet, soon(), version, &error), 0);
    assert_string_equal(version, "10.0.9");
    assert_int_equal(dotnet_version(&dotnet, soon(), version, &error), 0);
    assert_string_equal(version, "");
    close_port(&port, &dotnet);
    assert_int_equal(port.asked_size[0], 20);
    assert_memory_equal(port.asked[0], "DOTNET_IPC_V1\0\x14\0\x04\x04\0\0", 20);
    buffer_release(&answers[0]);
    buffer_release(&answers[1]);
}

static void test_answers(void **state)
{
    static const struct pidref process = {.pid = 1, .dir_fd = -1, .pid_fd = -1};
    static const struct {
        const char *bytes;
        size_t length;
        uint8_t word;
        uint16_t size;
        bool nothing;
        int result;
    } cases[] = {
        {"abc", 3, 0, 0, false, 0},
        {"", 0, 0, 0, false, 0},
        {"", 0, 0, 0, true, -ECONNRESET},
        {"abc", 3, 0, 24, false, -ECONNRESET}, /* less than it says */
        {"abc", 3, 0, 19, false, -EBADMSG},
        {"\x84\x13\x13\x80", 4, 0xff, 0, false, -EOPNOTSUPP},
        {"\x01\0\0\x80", 4, 0xff, 0, false, -EREMOTEIO},
        {"", 0, 0xff, 0, false, -EREMOTEIO},
    };

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
        _cleanup_buffer_ struct buffer answer = BUFFER_INIT(0), reply = BUFFER_INIT(0);
        struct port port = {.answers = &answer, .count = 1};
        struct dotnet dotnet;
        struct error error = {0};

        if (!cases[i].nothing)
            put_answer(&answer, cases[i].word, cases[i].bytes, cases[i].length, cases[i].size);
        open_port(&port, &dotnet, &process);
        assert_int_equal(dotnet_ask(&dotnet, DOTNET_PROCESS_INFO, NULL, soon(), &reply, NULL, &error),
                         cases[i].result);
        close_port(&port, &dotnet);
        assert_true(cases[i].result == 0 ? error.code == 0 : error.text[0] != '\0');
        if (cases[i].result == 0)
            assert_true(reply.size == cases[i].length);
    }
}

/* An older runtime is asked in its own words. */
static void test_older_session(void **state)
{
    static const struct pidref process = {.pid = 1, .dir_fd = -1, .pid_fd = -1};
    static const struct dotnet_provider other = {.name = "Q", .keywords = 6, .level = 3};
    static const struct dotnet_provider provider = {.name = "P",
                                                    .keywords = 5,
                                                    .level = 4,
                                                    .also = &other,
                                                    .buffer_mib = 16,
                                                    .tells = 8,
                                                    .with_stacks = true};
    struct buffer answers[] = {BUFFER_INIT(0), BUFFER_INIT(0), BUFFER_INIT(0), BUFFER_INIT(0)};
    struct port port = {.answers = answers, .count = ELEMENTS_OF(answers)};
    struct dotnet_session session = DOTNET_SESSION_INIT;
    struct error error = {0};
    struct dotnet dotnet;
    char bytes[16];

    (void)state;
    put_answer(&answers[0], 0xff, "\x85\x13\x13\x80", 4, 0);
    put_answer(&answers[1], 0xff, "\x85\x13\x13\x80", 4, 0);
    put_answer(&answers[2], 0, "\x2a\0\0\0\0\0\0\0", 8, 0);
    put(&answers[2], "stream", 6);
    put_answer(&answers[3], 0, "\x2a\0\0\0\0\0\0\0", 8, 0);
    open_port(&port, &dotnet, &process);
    assert_int_equal(dotnet_session_start(&session, &dotnet, &provider, soon(), &error), 0);
    assert_int_equal(dotnet_session_read(&session, bytes, sizeof bytes, soon()), 6);
    assert_int_equal(dotnet_session_read(&session, bytes, sizeof bytes, soon()), 0);
    dotnet_session_close(&session);
    dotnet_session_close(&session);
    close_port(&port, &dotnet);
    assert_memory_equal(port.asked[0] + 16, "\x02\x05", 2);
    assert_memory_equal(port.asked[1] + 16,
                        "\x02\x04\0\0\x10\0\0\0\x01\0\0\0\x01\x01\x02\0\0\0\x05\0\0\0\0\0\0\0\x04", 27);
    assert_memory_equal(port.asked[2] + 16,
                        "\x02\x03\0\0\x10\0\0\0\x01\0\0\0\x01\x02\0\0\0\x05\0\0\0\0\0\0\0\x04", 26);
    assert_int_equal(port.asked_size[2], 85);
    assert_memory_equal(port.asked[2] + 59, "\x06\0\0\0\0\0\0\0\x03\0\0\0\x02\0\0\0Q\0\0\0\x01\0\0\0\0", 26);
    assert_int_equal(port.asked_size[3], 28);
    assert_memory_equal(port.asked[3] + 16, "\x02\x01\0\0\x2a\0\0\0\0\0\0\0", 12);
    for (size_t i = 0; i < ELEMENTS_OF(answers); i++)
        buffer_release(&answers[i]);
}

/* Whom nobody answers gives up at the deadline; one that has passed already is enough to see it. */
static void test_deadline(void **state)
{
    static const struct pidref process = {.pid = 1, .dir_fd = -1, .pid_fd = -1};
    _cleanup_buffer_ struct buffer reply = BUFFER_INIT(0);
    struct port port = {.count = 0};
    struct error error = {0};
    struct dotnet dotnet;

    (void)state;
    open_port(&port, &dotnet, &process);
    assert_int_equal(
        dotnet_ask(&dotnet, DOTNET_PROCESS_INFO, NULL, clock_monotonic_ms(), &reply, NULL, &error),
        -ETIMEDOUT);
    assert_non_null(strstr(error.text, "did not answer in time"));
    (void)close(port.listen_fd);
    assert_int_equal(dotnet_ask(&dotnet, DOTNET_PROCESS_INFO, NULL, soon(), &reply, NULL, &error), -EBUSY);
    assert_non_null(strstr(error.text, "Nobody listens"));
    port.listen_fd = -1;
    close_port(&port, &dotnet);
}

/* As another user for the moment of the connection: what that clears is there again. */
static void test_of_another_user(void **state)
{
    _cleanup_procfs_ struct procfs procfs = {.fd = -1};
    _cleanup_pidref_ struct pidref process = PIDREF_INIT;
    struct buffer answers[] = {BUFFER_INIT(0)};
    struct port port = {.answers = answers, .count = ELEMENTS_OF(answers)};
    char version[DOTNET_VERSION_SIZE];
    struct dotnet dotnet;
    struct error error = {0};
    int death_signal = 0;

    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(procfs_open("/proc", &procfs, &error), 0);
    assert_int_equal(pidref_open(&procfs, getpid(), &process, &error), 0);
    put_answer(&answers[0], 0xff, "\x85\x13\x13\x80", 4, 0); /* it doesn't know the command */
    open_port(&port, &dotnet, &process);
    dotnet.user = dotnet.group = 65534;
    assert_int_equal(chmod(port.path, 0777), 0);
    assert_int_equal(prctl(PR_SET_PDEATHSIG, SIGKILL), 0);
    assert_int_equal(dotnet_version(&dotnet, soon(), version, &error), 0);
    assert_int_equal(prctl(PR_GET_PDEATHSIG, &death_signal), 0);
    assert_int_equal(death_signal, SIGKILL);
    assert_int_equal(prctl(PR_GET_DUMPABLE), 1);
    assert_int_equal(prctl(PR_SET_PDEATHSIG, 0), 0);
    close_port(&port, &dotnet);
    buffer_release(&answers[0]);
}

/* Whatever its name and its owner say: we are not the init of this machine. */
static void test_another_listens(void **state)
{
    struct pidref process = {.pid = 1, .dir_fd = -1, .pid_fd = eventfd(0, EFD_CLOEXEC)};
    struct buffer answers[] = {BUFFER_INIT(0)};
    struct port port = {.answers = answers, .count = ELEMENTS_OF(answers)};
    char version[DOTNET_VERSION_SIZE];
    struct dotnet dotnet;
    struct error error = {0};

    (void)state;
    assert_true(process.pid_fd >= 0);
    put_answer(&answers[0], 0xff, "\x85\x13\x13\x80", 4, 0);
    open_port(&port, &dotnet, &process);
    assert_int_equal(dotnet_version(&dotnet, soon(), version, &error), -EPERM);
    assert_non_null(strstr(error.text, "another process listens"));
    close_port(&port, &dotnet);
    assert_int_equal(port.asked_size[0], 0);
    buffer_release(&answers[0]);
    (void)close(process.pid_fd);
}

static void test_not_one_of_them(void **state)
{
    _cleanup_procfs_ struct procfs procfs = {.fd = -1};
    _cleanup_pidref_ struct pidref process = PIDREF_INIT;
    _cleanup_dotnet_ struct dotnet dotnet = DOTNET_INIT;
    struct error error = {0};

    (void)state;
    assert_int_equal(procfs_open("/proc", &procfs, &error), 0);
    assert_int_equal(pidref_open(&procfs, getpid(), &process, &error), 0);
    assert_int_equal(dotnet_find(&process, &dotnet, &error), -EOPNOTSUPP);
    assert_non_null(strstr(error.text, "has no .NET runtime that can be asked"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version),         cmocka_unit_test(test_answers),
        cmocka_unit_test(test_older_session),   cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_of_another_user), cmocka_unit_test(test_another_listens),
        cmocka_unit_test(test_not_one_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
