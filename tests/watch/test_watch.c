#include "watch/watch.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* A /proc of our own, in a directory, which changes as the test wants. */
struct tree {
    char path[64];
    struct procfs procfs;
};

static void put(const struct tree *tree, const char *name, const char *text)
{
    int fd = openat(tree->procfs.fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(io_write_full(fd, text, strlen(text), -1), 0);
    (void)close(fd);
}

static void put_process(const struct tree *tree, int pid, const char *name, unsigned ticks, unsigned start,
                        unsigned written)
{
    char path[64], text[512];

    (void)snprintf(path, sizeof path, "%d", pid); /* these fit */
    assert_true(mkdirat(tree->procfs.fd, path, 0700) == 0 || errno == EEXIST);
    (void)snprintf(
        text, sizeof text,
        "%d (%s) S 1 1 1 0 -1 4194304 1 0 0 0 %u 0 0 0 20 0 3 0 %u 4096 10 18446744073709551615 1 1\n", pid,
        name, ticks, start);
    (void)snprintf(path, sizeof path, "%d/stat", pid);
    put(tree, path, text);
    (void)snprintf(text, sizeof text,
                   "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 0\nwrite_bytes: %u\n"
                   "cancelled_write_bytes: 9\n",
                   written);
    (void)snprintf(path, sizeof path, "%d/io", pid);
    put(tree, path, text);
}

static void end_process(const struct tree *tree, int pid)
{
    static const char *const files[] = {"/stat", "/io", ""};

    for (size_t i = 0; i < ELEMENTS_OF(files); i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "%d%s", pid, files[i]); /* fits */
        assert_int_equal(unlinkat(tree->procfs.fd, path, *files[i] ? 0 : AT_REMOVEDIR), 0);
    }
}

static int set_up(void **state)
{
    struct tree *tree = calloc(1, sizeof *tree);

    assert_non_null(tree);
    (void)snprintf(tree->path, sizeof tree->path, "/tmp/procscope-watch-XXXXXX"); /* fits */
    assert_non_null(mkdtemp(tree->path));
    assert_int_equal(procfs_open(tree->path, &tree->procfs, NULL), 0);
    put(tree, "stat", "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 2 3 4\ncpu1 1 2 3 4\nbtime 1700000000\n");
    *state = tree;
    return 0;
}

static int tear_down(void **state)
{
    struct tree *tree = *state;

    for (int pid = 1; pid < 40; pid++) {
        char path[64];
        (void)snprintf(path, sizeof path, "%d", pid); /* fits */
        if (faccessat(tree->procfs.fd, path, F_OK, 0) == 0)
            end_process(tree, pid);
    }
    (void)unlinkat(tree->procfs.fd, "stat", 0);
    (void)rmdir(tree->path);
    procfs_close(&tree->procfs);
    free(tree);
    return 0;
}

static void what_comes_changes_and_goes(void **state)
{
    const struct tree *tree = *state;
    _cleanup_watch_ struct watch watch = {0};

    put_process(tree, 10, "stays", 5, 100, 0);
    put_process(tree, 20, "works", 5, 100, 0);
    put_process(tree, 30, "ends", 5, 100, 0);
    assert_int_equal(watch_sample(&watch, &tree->procfs), 0);
    assert_int_equal(watch.count, 3);
    assert_int_equal(watch.ended_count, 0);
    for (size_t i = 0; i < watch.count; i++) {
        assert_true(watch.items[i].changes & WATCHED_WHOLE);
        assert_int_equal(watch.items[i].values.cpu_permille, 0); /* not known yet */
        assert_int_equal(watch.items[i].values.threads, 3);
        assert_int_equal(watch.items[i].values.memory, 10 * watch.host.page_size);
    }
    assert_int_equal(watch.load.processors, 2);

    put_process(tree, 20, "works", 1000, 100, 1u << 30);
    end_process(tree, 30);
    put_process(tree, 35, "new", 7, 200, 0);
    put(tree, "stat", "cpu  200 0 100 800 100 0 0 0 0 0\nbtime 1700000000\n");
    assert_int_equal(watch_sample(&watch, &tree->procfs), 0);
    assert_int_equal(watch.count, 3);
    assert_int_equal(watch.items[0].changes, 0);
    assert_int_equal(watch.items[1].changes, WATCHED_CPU | WATCHED_WRITTEN);
    assert_true(watch.items[1].values.cpu_permille > 0);
    assert_true(watch.items[2].changes & WATCHED_WHOLE);
    assert_true(watch.items[2].values.cpu_permille > 0); /* all its time was since then */
    assert_int_equal(watch.ended_count, 1);
    assert_int_equal(watch.ended[0], 30);
    assert_int_equal(watch.host_cpu_permille, 500);
}

/* Whose command line is a pipe that nobody writes to: it hangs, until we do. */
static void a_hung_process_holds_up_no_other(void **state)
{
    const struct tree *tree = *state;
    _cleanup_watch_ struct watch watch = {0};
    int writer;

    put_process(tree, 10, "well", 5, 100, 0);
    put_process(tree, 20, "hung", 5, 100, 0);
    put_process(tree, 30, "also-well", 5, 100, 0);
    assert_int_equal(mkfifoat(tree->procfs.fd, "20/cmdline", 0600), 0);
    assert_int_equal(watch_sample(&watch, &tree->procfs), 0);
    assert_int_equal(watch.count, 3);
    assert_int_equal(watch.items[0].facts->badges, 0);
    assert_int_equal(watch.items[1].facts->badges, BADGE_HUNG);
    assert_string_equal(watch.items[1].facts->name, "hung");
    assert_string_equal(watch.items[2].facts->name, "also-well");

    writer = openat(tree->procfs.fd, "20/cmdline", O_WRONLY | O_CLOEXEC);
    assert_true(writer >= 0);
    (void)close(writer);
    assert_int_equal(unlinkat(tree->procfs.fd, "20/cmdline", 0), 0);
}

static void a_pid_that_is_used_again_is_another_process(void **state)
{
    const struct tree *tree = *state;
    _cleanup_watch_ struct watch watch = {0};

    put_process(tree, 10, "first", 5, 100, 0);
    assert_int_equal(watch_sample(&watch, &tree->procfs), 0);
    put_process(tree, 10, "second", 2, 300, 0);
    assert_int_equal(watch_sample(&watch, &tree->procfs), 0);
    assert_int_equal(watch.count, 1);
    assert_int_equal(watch.ended_count, 1);
    assert_int_equal(watch.ended[0], 10);
    assert_true(watch.items[0].changes & WATCHED_WHOLE);
    assert_string_equal(watch.items[0].facts->name, "second");
}

static void another_name_makes_it_new(void **state)
{
    const struct tree *tree = *state;
    _cleanup_watch_ struct watch watch = {0};

    put_process(tree, 10, "sh", 5, 100, 0);
    assert_int_equal(watch_sample(&watch, &tree->procfs), 0);
    put_process(tree, 10, "a) S (b", 5, 100, 0);
    assert_int_equal(watch_sample(&watch, &tree->procfs), 0);
    assert_true(watch.items[0].changes & WATCHED_WHOLE);
    assert_string_equal(watch.items[0].facts->name, "a) S (b");
    assert_int_equal(watch.ended_count, 0);
}

static void nonsense_is_left_out(void **state)
{
    const struct tree *tree = *state;
    _cleanup_watch_ struct watch watch = {0};

    put_process(tree, 10, "good", 5, 100, 0);
    put_process(tree, 11, "bad", 5, 100, 0);
    assert_int_equal(watch_sample(&watch, &tree->procfs), 0);
    assert_int_equal(watch.count, 2);
    put(tree, "11/stat", "11 (bad");
    put(tree, "10/io", "nothing");
    assert_int_equal(watch_sample(&watch, &tree->procfs), 0);
    assert_int_equal(watch.count, 1);
    assert_int_equal(watch.ended_count, 1);
    put(tree, "stat", "cpux");
    assert_int_equal(watch_sample(&watch, &tree->procfs), -EBADMSG);
}

static void ours_is_among_them(void **state)
{
    _cleanup_watch_ struct watch watch = {0};
    struct procfs procfs;
    bool found = false;
    (void)state;

    assert_int_equal(procfs_open("/proc", &procfs, NULL), 0);
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(watch_sample(&watch, &procfs), 0);
    for (size_t i = 0; i < watch.count; i++) {
        assert_true(i == 0 || watch.items[i - 1].pid < watch.items[i].pid);
        found = found || watch.items[i].pid == getpid();
    }
    assert_true(found);
    assert_true(watch.load.memory_total > 0);
    procfs_close(&procfs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_comes_changes_and_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_hung_process_holds_up_no_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_pid_that_is_used_again_is_another_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_name_makes_it_new, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nonsense_is_left_out, set_up, tear_down),
        cmocka_unit_test(ours_is_among_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
