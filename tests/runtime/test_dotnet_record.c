/* What a runtime sends after the stop of a recording, in place of it by ourselves. */
#include "runtime/dotnet_record.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int count(struct sink *sink, const void *bytes, size_t size)
{
    (void)sink;
    (void)bytes;
    (void)size;
    return 0;
}

static const struct sink_ops counting = {.name = "count", .write = count};

struct runtime_end {
    int fd;
    const char *says; /* NULL: never ends */
};

static void *say(void *data)
{
    static const char zeros[65536];
    struct runtime_end *runtime = data;

    if (runtime->says)
        (void)!send(runtime->fd, runtime->says, strlen(runtime->says), MSG_NOSIGNAL);
    else
        while (send(runtime->fd, zeros, sizeof zeros, MSG_NOSIGNAL) > 0)
            ;
    (void)close(runtime->fd);
    return NULL;
}

/* It was told to stop already. */
static int record(const char *says, uint64_t *ret_written)
{
    static const struct pidref process = {.pid = 1, .dir_fd = -1, .pid_fd = -1};
    const struct dotnet dotnet = {.process = &process, .socket_fd = -1};
    struct dotnet_session session = DOTNET_SESSION_INIT;
    struct sink sink = {.ops = &counting};
    struct error error = {0};
    struct runtime_end runtime = {.says = says};
    pthread_t thread;
    int ends[2], r;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    runtime.fd = ends[1];
    session.dotnet = &dotnet;
    session.fd = ends[0];
    session.stop_fd = ends[0];
    assert_int_equal(pthread_create(&thread, NULL, say, &runtime), 0);
    r = dotnet_record(&session, 0, -1, &sink, &error);
    assert_true(r == 0 || error.code == -r);
    *ret_written = sink.written;
    (void)close(ends[0]);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return r;
}

static void test_endless(void **state)
{
    uint64_t written;

    (void)state;
    assert_int_equal(record(NULL, &written), -ETIMEDOUT);
    assert_true(written <= LIMIT_DOTNET_LAST);
}

static void test_whole_and_cut(void **state)
{
    uint64_t written;

    (void)state;
    assert_int_equal(record("Nettrace\6\1", &written), 0);
    assert_int_equal(written, 10);
    assert_int_equal(record("Nettrace\6", &written), -ESRCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endless),
        cmocka_unit_test(test_whole_and_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
