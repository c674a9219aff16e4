/* What was compressed is read back by gzip, Python and zstd, which nobody here wrote. */
#include "base/limits.h"
#include "stream/compress.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

enum { MOST = 9 * LIMIT_COMPRESS_PIECE + 12345 };

static char folder[] = "/tmp/procscope-compress-XXXXXX";
static char *plain;

static int set_up(void **state)
{
    uint64_t seed = 1;

    (void)state;
    plain = malloc(MOST);
    if (!plain || !mkdtemp(folder))
        return -1;
    for (size_t i = 0; i < MOST; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        /* what does not shrink, what does, and one byte over and over */
        plain[i] = i < MOST / 3 ? (char)(seed >> 56) : i < MOST / 3 * 2 ? (char)(i % 7) : 'x';
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(plain);
    return rmdir(folder);
}

/* Runs a command line of the shell within the folder; returns its exit code. */
static int shell(const char *command)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        if (chdir(folder) == 0)
            execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void write_file(const char *name, const void *bytes, size_t size)
{
    _cleanup_sink_ struct sink *file = NULL;
    char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(sink_file_new(path, &file, NULL), 0);
    assert_int_equal(sink_write(file, bytes, size), 0);
    assert_int_equal(sink_finish(file, NULL), 0);
}

static size_t threads_of_ours(void)
{
    DIR *tasks = opendir("/proc/self/task");
    size_t count = 0;

    assert_non_null(tasks);
    while (readdir(tasks))
        count++;
    (void)closedir(tasks);
    return count - 2; /* . and .. */
}

struct kind {
    const char *name;
    unsigned threads, level;
};

static int open_sink(const struct kind *kind, struct sink *next, uint64_t size, struct sink **ret_sink)
{
    return strcmp(kind->name, "gz") == 0 ? sink_gzip_new(next, kind->level, kind->threads, ret_sink)
                                         : sink_zstd_new(next, kind->level, kind->threads, size, ret_sink);
}

static size_t compress(const struct kind *kind, const char *bytes, size_t size, size_t step)
{
    _cleanup_sink_ struct sink *sink = NULL, *memory = NULL;
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(2 * MOST);
    char name[8];

    assert_int_equal(sink_memory_new(&out, &memory), 0);
    assert_int_equal(open_sink(kind, memory, size, &sink), 0);
    for (size_t at = 0; at < size; at += step)
        assert_int_equal(sink_write(sink, bytes + at, size - at < step ? size - at : step), 0);
    assert_int_equal(sink_finish(sink, NULL), 0);
    (void)snprintf(name, sizeof name, "a.%s", kind->name);
    write_file(name, out.data, out.size);
    return out.size;
}

static void others_read(const struct kind *kind, size_t size, size_t step)
{
    size_t compressed = compress(kind, plain, size, step);

    write_file("plain", plain, size);
    if (strcmp(kind->name, "gz") == 0) {
        assert_int_equal(shell("gzip -t a.gz && gzip -dc a.gz | cmp - plain"), 0);
        assert_int_equal(shell("/usr/bin/python3 -c \"import gzip; "
                               "assert gzip.open('a.gz').read() == open('plain', 'rb').read()\""),
                         0);
    } else {
        assert_int_equal(shell("zstd -qt a.zst && zstd -dcq a.zst | cmp - plain"), 0);
    }
    assert_in_range(compressed, 1, size + size / 1000 + 200);
    if (size == MOST) /* two thirds are nothing but repetition */
        assert_in_range(compressed, size / 3, size / 3 + size / 20);
}

static void any_size_comes_back(void **state)
{
    static const struct kind kinds[] = {{"gz", 1, 1}, {"gz", 3, 1}, {"zst", 1, 1}, {"zst", 3, 1}};
    static const size_t sizes[] = {0,
                                   1,
                                   LIMIT_COMPRESS_PIECE - 1,
                                   LIMIT_COMPRESS_PIECE,
                                   LIMIT_COMPRESS_PIECE + 1,
                                   3 * LIMIT_COMPRESS_PIECE,
                                   MOST};

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(kinds); i++)
        for (size_t j = 0; j < ELEMENTS_OF(sizes); j++) {
            others_read(&kinds[i], sizes[j], LIMIT_STREAM_CHUNK);
            others_read(&kinds[i], sizes[j], 100003);
        }
}

static void at_any_level(void **state)
{
    (void)state;
    for (unsigned level = gzip_levels.least; level <= gzip_levels.most; level++)
        if (level > 0) /* which shrinks less than others_read asks for */
            others_read(&(struct kind){"gz", 2, level}, MOST, MOST);
    for (unsigned level = zstd_levels.least; level <= zstd_levels.most; level++)
        others_read(&(struct kind){"zst", 2, level}, MOST, MOST);
    (void)compress(&(struct kind){"gz", 2, 0}, plain, MOST, MOST);
    assert_int_equal(shell("gzip -dc a.gz | cmp - plain"), 0);
}

static void levels_are_bounded(void **state)
{
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(100);
    _cleanup_sink_ struct sink *memory = NULL;
    struct sink *sink;

    (void)state;
    assert_int_equal(sink_memory_new(&out, &memory), 0);
    assert_int_equal(sink_gzip_new(memory, gzip_levels.most + 1, 1, &sink), -EINVAL);
    assert_int_equal(sink_zstd_new(memory, zstd_levels.most + 1, 1, 0, &sink), -EINVAL);
    assert_int_equal(sink_zstd_new(memory, 0, 1, 0, &sink), -EINVAL);
}

/* The reader goes away at any moment: the error comes through, and no thread is left. */
static void a_sink_that_fails(void **state)
{
    static const struct kind kinds[] = {{"gz", 4, 1}, {"zst", 4, 1}};
    size_t before = threads_of_ours();

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(kinds); i++)
        for (size_t limit = 1; limit < MOST / 3; limit = limit * 3 + 5) {
            _cleanup_sink_ struct sink *sink = NULL, *memory = NULL;
            _cleanup_buffer_ struct buffer out = BUFFER_INIT(limit);
            int r = 0;

            assert_int_equal(sink_memory_new(&out, &memory), 0);
            assert_int_equal(open_sink(&kinds[i], memory, MOST, &sink), 0);
            for (size_t at = 0; r == 0 && at < MOST; at += 50000)
                r = sink_write(sink, plain + at, MOST - at < 50000 ? MOST - at : 50000);
            if (r == 0)
                r = sink_finish(sink, NULL);
            assert_int_equal(r, -EFBIG);
            if (limit > 10) /* gzip's header fits */
                assert_true(threads_of_ours() > before);
            sink_free(TAKE_PTR(sink));
            assert_int_equal(threads_of_ours(), before);
        }
}

/* A limit of processes costs speed only. Root is not bound by it: then this is the test above once more. */
static void without_a_thread_to_be_had(void **state)
{
    pid_t child = fork();
    int status;

    (void)state;
    if (child == 0) {
        const struct rlimit none = {0, 0};

        if (setrlimit(RLIMIT_NPROC, &none) < 0 || (geteuid() == 0 && setresuid(54321, 54321, 54321) < 0))
            _exit(2);
        for (unsigned i = 0; i < 2; i++) {
            struct kind kind = {i ? "zst" : "gz", 4, 1};
            struct buffer out = BUFFER_INIT(2 * MOST);
            struct sink *sink, *memory;

            if (sink_memory_new(&out, &memory) < 0 || open_sink(&kind, memory, MOST, &sink) < 0 ||
                sink_write(sink, plain, MOST) < 0 || sink_finish(sink, NULL) < 0 || out.size < MOST / 4)
                _exit(3 + (int)i);
            if (threads_of_ours() != 1)
                _exit(5);
            sink_free(sink);
            sink_free(memory);
            buffer_release(&out);
        }
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void other_than_promised(void **state)
{
    _cleanup_buffer_ struct buffer out = BUFFER_INIT(2 * MOST);
    _cleanup_sink_ struct sink *sink = NULL, *memory = NULL;

    (void)state;
    assert_int_equal(sink_memory_new(&out, &memory), 0);
    assert_int_equal(sink_zstd_new(memory, 1, 2, 1000, &sink), 0);
    assert_int_equal(sink_write(sink, plain, 999), 0);
    assert_int_equal(sink_finish(sink, NULL), -EIO);
}

static void remove_files(void)
{
    (void)shell("rm -f a.gz a.zst plain");
}

static int clean(void **state)
{
    (void)state;
    remove_files();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(any_size_comes_back, clean),
        cmocka_unit_test_teardown(at_any_level, clean),
        cmocka_unit_test(levels_are_bounded),
        cmocka_unit_test(a_sink_that_fails),
        cmocka_unit_test(without_a_thread_to_be_had),
        cmocka_unit_test(other_than_promised),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
