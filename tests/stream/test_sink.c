#include "base/io.h"
#include "stream/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <setjmp.h> /* cmocka.h needs it before itself */

#include <cmocka.h>

static char folder[] = "/tmp/procscope-sink-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder); /* fails where a sink left a temporary file behind */
}

static const char *inside(const char *name)
{
    static char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void assert_file(const char *name, const char *wanted)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(4096);

    assert_int_equal(io_read_file_at(AT_FDCWD, inside(name), &text), 0);
    assert_string_equal(buffer_string(&text), wanted);
}

static void memory_keeps_its_limit(void **state)
{
    _cleanup_buffer_ struct buffer buffer = BUFFER_INIT(5);
    _cleanup_sink_ struct sink *sink = NULL;

    (void)state;
    assert_int_equal(sink_memory_new(&buffer, &sink), 0);
    assert_int_equal(sink_write(sink, "abc", 3), 0);
    assert_int_equal(sink_write(sink, "", 0), 0);
    assert_int_equal(sink_write(sink, "def", 3), -EFBIG);
    assert_int_equal(sink_write(sink, "de", 2), 0);
    assert_int_equal(sink->written, 5);
    assert_string_equal(buffer_string(&buffer), "abcde");
    assert_int_equal(sink_finish(sink, NULL), 0);
}

static void limit_passes_on_up_to_its_maximum(void **state)
{
    _cleanup_buffer_ struct buffer buffer = BUFFER_INIT(100);
    _cleanup_sink_ struct sink *limited = NULL;
    struct sink *memory;

    (void)state;
    assert_int_equal(sink_memory_new(&buffer, &memory), 0);
    assert_int_equal(sink_limit_new(memory, 4, &limited), 0);
    assert_int_equal(sink_write(limited, "abc", 3), 0);
    assert_int_equal(sink_write(limited, "de", 2), -EFBIG);
    assert_int_equal(sink_write(limited, "d", 1), 0);
    assert_int_equal(sink_write(limited, "e", 1), -EFBIG);
    assert_string_equal(buffer_string(&buffer), "abcd");
}

static void a_reader_that_stalls_or_leaves_ends_the_write(void **state)
{
    _cleanup_sink_ struct sink *sink = NULL;
    _cleanup_free_ char *much = calloc(1, 1 << 20);
    int pipes[2];

    (void)state;
    assert_non_null(much);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(sink_fd_new(pipes[1], 20, &sink), 0);
    assert_int_equal(sink_write(sink, "abc", 3), 0);
    assert_int_equal(sink_write(sink, much, 1 << 20), -ETIMEDOUT);
    assert_int_equal(sink->written, 3);
    fd_close(pipes[0]);
    assert_int_equal(sink_write(sink, "abc", 3), -EPIPE);
    assert_true(fcntl(pipes[1], F_GETFD) >= 0);
    sink_free(sink);
    sink = NULL;
    assert_true(fcntl(pipes[1], F_GETFD) >= 0); /* stays the caller's */
    fd_close(pipes[1]);
    assert_int_equal(sink_fd_new(pipes[1], -1, &sink), -EBADF);
}

static void a_file_appears_whole_or_not_at_all(void **state)
{
    _cleanup_sink_ struct sink *sink = NULL;
    struct error error = {0};
    struct stat facts;

    (void)state;
    assert_int_equal(sink_file_new(inside("a"), &sink, &error), 0);
    assert_int_equal(sink_write(sink, "one", 3), 0);
    assert_int_equal(access(inside("a"), F_OK), -1);
    sink_free(TAKE_PTR(sink));
    assert_int_equal(access(inside("a"), F_OK), -1);

    assert_int_equal(sink_file_new(inside("a"), &sink, &error), 0);
    assert_int_equal(sink_write(sink, "two", 3), 0);
    assert_int_equal(sink_finish(sink, &error), 0);
    sink_free(TAKE_PTR(sink));
    assert_file("a", "two");
    assert_int_equal(stat(inside("a"), &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0600);

    /* what stands there is replaced only at the end */
    assert_int_equal(sink_file_new(inside("a"), &sink, &error), 0);
    assert_int_equal(sink_write(sink, "three", 5), 0);
    assert_file("a", "two");
    assert_int_equal(sink_finish(sink, &error), 0);
    assert_file("a", "three");
    assert_int_equal(unlink(inside("a")), 0);
}

static void links_and_fifos_are_kept(void **state)
{
    struct error error = {0};
    struct sink *sink;
    struct stat facts;
    char byte;
    int reader;

    (void)state;
    reader = open(inside("real"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    fd_close(reader);
    assert_int_equal(symlink("real", inside("link")), 0);
    assert_int_equal(sink_file_new(inside("link"), &sink, &error), 0);
    assert_int_equal(sink_write(sink, "x", 1), 0);
    assert_int_equal(sink_finish(sink, &error), 0);
    sink_free(sink);
    assert_file("real", "x");
    assert_int_equal(lstat(inside("link"), &facts), 0);
    assert_true(S_ISLNK(facts.st_mode));

    assert_int_equal(mkfifo(inside("fifo"), 0600), 0);
    reader = open(inside("fifo"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_int_equal(sink_file_new(inside("fifo"), &sink, &error), 0);
    assert_int_equal(sink_write(sink, "y", 1), 0);
    assert_int_equal(sink_finish(sink, &error), 0);
    sink_free(sink);
    assert_int_equal(read(reader, &byte, 1), 1);
    assert_int_equal(byte, 'y');
    fd_close(reader);
    assert_int_equal(unlink(inside("real")), 0);
    assert_int_equal(unlink(inside("link")), 0);
    assert_int_equal(unlink(inside("fifo")), 0);
}

static void impossible_paths_are_said(void **state)
{
    struct error error = {0};
    struct sink *sink = NULL;

    (void)state;
    assert_int_equal(sink_file_new(inside("none/a"), &sink, &error), -ENOENT);
    assert_non_null(strstr(error.text, "none/a"));
    assert_int_equal(sink_file_new(folder, &sink, &error), -EISDIR);
    assert_int_equal(sink_file_new("", &sink, &error), -EISDIR);
    assert_null(sink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_keeps_its_limit),
        cmocka_unit_test(limit_passes_on_up_to_its_maximum),
        cmocka_unit_test(a_reader_that_stalls_or_leaves_ends_the_write),
        cmocka_unit_test(a_file_appears_whole_or_not_at_all),
        cmocka_unit_test(links_and_fifos_are_kept),
        cmocka_unit_test(impossible_paths_are_said),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
