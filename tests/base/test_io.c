#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

#include <cmocka.h>

static void on_alarm(int signal)
{
    (void)signal;
}

/* From here on a signal interrupts system calls every 2 ms. */
static void start_interrupting(void)
{
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval often = {.it_interval = {.tv_usec = 2000}, .it_value = {.tv_usec = 2000}};
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
}

static void stop_interrupting(void)
{
    struct itimerval never = {0};
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
}

static void sleep_us(long microseconds)
{
    struct timespec time = {.tv_nsec = microseconds * 1000};
    (void)nanosleep(&time, NULL); /* cut short by a signal: just as good here */
}

enum { PIPED = 300000 };

static void *write_slowly(void *argument)
{
    int fd = *(int *)argument;
    sigset_t all;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, NULL);
    for (unsigned i = 0; i < PIPED; i += 1000) {
        char bytes[1000];
        memset(bytes, (int)(i / 1000), sizeof bytes);
        if (i % 30000 == 0)
            sleep_us(3000);
        (void)!write(fd, bytes, sizeof bytes);
    }
    (void)close(fd);
    return NULL;
}

static void reads_all_of_a_slow_pipe_under_signals(void **state)
{
    _cleanup_free_ char *bytes = malloc(PIPED + 1);
    int pipes[2];
    pthread_t writer;
    (void)state;

    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&writer, NULL, write_slowly, &pipes[1]), 0);
    start_interrupting();
    assert_int_equal(io_read_full(pipes[0], bytes, PIPED + 1), PIPED);
    stop_interrupting();
    for (unsigned i = 0; i < PIPED; i++)
        assert_int_equal((unsigned char)bytes[i], (i / 1000) & 0xff);
    assert_int_equal(io_read_full(pipes[0], bytes, 1), 0);
    assert_int_equal(pthread_join(writer, NULL), 0);
    (void)close(pipes[0]);
    assert_int_equal(io_read_full(pipes[0], bytes, 1), -EBADF);
}

static void a_reader_that_stalls_is_given_up_also_under_signals(void **state)
{
    _cleanup_free_ char *bytes = calloc(1, 1 << 20);
    int pipes[2];
    (void)state;

    assert_int_equal(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 0);
    start_interrupting();
    assert_int_equal(io_write_full(pipes[1], bytes, 1 << 20, 50), -ETIMEDOUT);
    stop_interrupting();
    assert_int_equal(io_write_full(pipes[1], bytes, 1 << 20, 0), -ETIMEDOUT);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)close(pipes[0]);
    assert_int_equal(io_write_full(pipes[1], bytes, 1, -1), -EPIPE);
    (void)close(pipes[1]);
}

static void *read_slowly(void *argument)
{
    int fd = *(int *)argument;
    size_t count = 0;
    char bytes[10000];
    ssize_t n;

    while ((n = read(fd, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR)) {
        count += n > 0 ? (size_t)n : 0;
        sleep_us(500);
    }
    return (void *)(uintptr_t)count;
}

/* A page each 10 ms: never silent for 200 ms, but no more than 400 KB a second. */
static void *read_crumbs(void *argument)
{
    int fd = *(int *)argument;
    char bytes[4096];
    ssize_t n;

    while ((n = read(fd, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR))
        sleep_us(10000);
    return NULL;
}

static int write_to_crumbs(uint64_t min_rate)
{
    enum { SIZE = 512 * 1024 };
    _cleanup_free_ char *bytes = calloc(1, SIZE);
    struct io_pace pace = {.stall_ms = 200, .min_rate = min_rate};
    int pipes[2], r = 0;
    pthread_t reader;

    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(fcntl(pipes[1], F_SETFL, O_NONBLOCK), 0);
    assert_true(fcntl(pipes[1], F_SETPIPE_SZ, 4096) >= 4096);
    assert_int_equal(pthread_create(&reader, NULL, read_crumbs, &pipes[0]), 0);
    for (size_t done = 0; r == 0 && done < SIZE; done += 1000) /* one pace over all writes */
        r = io_write_paced(pipes[1], bytes, 1000, &pace);
    (void)close(pipes[1]);
    assert_int_equal(pthread_join(reader, NULL), 0);
    (void)close(pipes[0]);
    return r;
}

static void a_reader_below_the_rate_is_given_up(void **state)
{
    (void)state;
    assert_int_equal(write_to_crumbs(64 << 20), -ETIMEDOUT);
    assert_int_equal(write_to_crumbs(0), 0);
    assert_int_equal(write_to_crumbs(100), 0);
}

static void a_slow_reader_gets_everything(void **state)
{
    _cleanup_free_ char *bytes = calloc(1, 1 << 20);
    int pipes[2];
    pthread_t reader;
    void *count;
    (void)state;

    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(fcntl(pipes[1], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(pthread_create(&reader, NULL, read_slowly, &pipes[0]), 0);
    assert_int_equal(io_write_full(pipes[1], bytes, 1 << 20, 10000), 0);
    (void)close(pipes[1]);
    assert_int_equal(pthread_join(reader, &count), 0);
    assert_int_equal((uintptr_t)count, 1 << 20);
    (void)close(pipes[0]);
}

static int file_of(size_t size)
{
    int fd = memfd_create("io", MFD_CLOEXEC);
    _cleanup_free_ char *bytes = malloc(size + 1);
    memset(bytes, 'f', size);
    assert_int_equal(io_write_full(fd, bytes, size, -1), 0);
    return fd;
}

static void files_around_the_limit(void **state)
{
    static const size_t limits[] = {1, 100, 255, 256, 4095, 4096, 4097, 100000};
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(limits); i++)
        for (int more = -1; more <= 1; more++) {
            _cleanup_buffer_ struct buffer buffer = BUFFER_INIT(limits[i]);
            _cleanup_close_ int fd = file_of(limits[i] + (size_t)more);
            char path[64];
            (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
            assert_int_equal(io_read_file_at(AT_FDCWD, path, &buffer), more > 0 ? -ENOBUFS : 0);
            assert_int_equal(buffer.size, limits[i] + (size_t)(more > 0 ? 0 : more));
            assert_int_equal(strlen(buffer_string(&buffer)), buffer.size);
        }
}

static void a_file_is_appended(void **state)
{
    _cleanup_buffer_ struct buffer buffer = {0};
    (void)state;

    assert_int_equal(buffer_append_string(&buffer, "before:"), 0);
    assert_int_equal(io_read_file_at(AT_FDCWD, "/proc/self/comm", &buffer), 0);
    assert_string_equal(buffer.data, "before:test_base_io\n");
    assert_int_equal(io_read_file_at(AT_FDCWD, "/proc/self/none", &buffer), -ENOENT);
    assert_int_equal(io_read_file_at(AT_FDCWD, "/proc/self", &buffer), -EISDIR);
}

static void reading_at_an_offset(void **state)
{
    _cleanup_close_ int fd = file_of(1000);
    char bytes[600];
    (void)state;

    assert_int_equal(io_pread_full(fd, bytes, sizeof bytes, 0), 600);
    assert_int_equal(io_pread_full(fd, bytes, sizeof bytes, 600), 400);
    assert_int_equal(io_pread_full(fd, bytes, sizeof bytes, 1000), 0);
    assert_int_equal(io_pread_full(-1, bytes, sizeof bytes, 0), -EBADF);
}

static void links(void **state)
{
    _cleanup_free_ char *target = NULL;
    char mark[] = "", *untouched = mark;
    (void)state;

    assert_int_equal(io_readlink_at(AT_FDCWD, "/proc/self/exe", &target), 0);
    assert_non_null(strstr(target, "/test_base_io"));
    assert_int_equal(io_readlink_at(AT_FDCWD, "/proc/self/none", &untouched), -ENOENT);
    assert_int_equal(io_readlink_at(AT_FDCWD, "/proc", &untouched), -EINVAL);
    assert_ptr_equal(untouched, mark);
}

static void closing_keeps_errno(void **state)
{
    (void)state;
    errno = ENOTTY;
    assert_int_equal(fd_close(-1), -1);
    assert_int_equal(fd_close(99999), -1);
    assert_int_equal(errno, ENOTTY);
}

/* What is none is not even opened, which would tell a pipe's writer, or start a device. */
static void opens_regular_files_only(void **state)
{
    char folder[] = "/tmp/io-XXXXXX", path[64], event[512];
    int fd = -1, watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    (void)state;
    assert_true(watch >= 0);
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/file", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_true(inotify_add_watch(watch, folder, IN_OPEN) >= 0);
    assert_int_equal(io_open_regular(path, &fd), -ENOENT);
    assert_int_equal(io_open_regular(folder, &fd), -ENOENT);
    assert_int_equal(read(watch, event, sizeof event), -1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(io_open_regular(path, &fd), -ENOENT);
    assert_int_equal(close(open(path, O_CREAT | O_EXCL | O_CLOEXEC | O_WRONLY, 0600)), 0);
    assert_int_equal(io_open_regular(path, &fd), -ENOENT); /* empty, as all of /proc */
    assert_int_equal(io_open_regular("/proc/self/maps", &fd), -ENOENT);
    assert_int_equal(truncate(path, 1), 0);
    assert_int_equal(io_open_regular(path, &fd), 0);
    assert_int_equal(read(fd, event, sizeof event), 1);
    assert_int_equal(fd_close(fd), -1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    (void)fd_close(watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_of_a_slow_pipe_under_signals),
        cmocka_unit_test(a_reader_that_stalls_is_given_up_also_under_signals),
        cmocka_unit_test(a_slow_reader_gets_everything),
        cmocka_unit_test(a_reader_below_the_rate_is_given_up),
        cmocka_unit_test(files_around_the_limit),
        cmocka_unit_test(a_file_is_appended),
        cmocka_unit_test(reading_at_an_offset),
        cmocka_unit_test(links),
        cmocka_unit_test(opens_regular_files_only),
        cmocka_unit_test(closing_keeps_errno),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
