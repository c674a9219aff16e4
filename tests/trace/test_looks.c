/* Looks at threads by two of ours at once, in made-up files: whoever did them, each thread has its own.
 * x86-64 only: elsewhere no call can be mended. */
#include "base/clock.h"
#include "base/io.h"
#include "proc/pidref.h"
#include "trace/looks.h"
#include "trace/threads.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum { THREADS = 60, ROUNDS = 200, LONG_NS = 1000000000 };

struct fixture {
    char folder[64];
    struct pidref process;
    pid_t tids[THREADS];
};

/* Every third waits in a call that answers EINTR, so that a look at the wrong thread shows. */
static bool is_alone(pid_t tid)
{
    return tid % 3 == 0;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    assert_non_null(fixture);
    (void)snprintf(fixture->folder, sizeof fixture->folder, "/tmp/procscope-looks-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    fixture->process.pid = 1;
    fixture->process.dir_fd = open(fixture->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fixture->process.dir_fd >= 0);
    assert_int_equal(mkdirat(fixture->process.dir_fd, "task", 0700), 0);
    for (int i = 0; i < THREADS; i++) {
        pid_t tid = fixture->tids[i] = 100 + i * 2;
        char path[64], text[128];
        int fd, length;

        (void)snprintf(path, sizeof path, "task/%d", tid);
        assert_int_equal(mkdirat(fixture->process.dir_fd, path, 0700), 0);
        (void)snprintf(path, sizeof path, "task/%d/syscall", tid);
        fd = openat(fixture->process.dir_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        length = snprintf(text, sizeof text, "%d 0x5 0x7ff 0x1 0xffffffff 0x0 0x0 0x7ffe 0x7f38\n",
                          is_alone(tid) ? (int)SYS_semtimedop : (int)SYS_futex);
        assert_int_equal(write(fd, text, (size_t)length), length);
        (void)fd_close(fd);
    }
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < THREADS; i++) {
        char path[64];

        (void)snprintf(path, sizeof path, "task/%d/syscall", fixture->tids[i]);
        (void)unlinkat(fixture->process.dir_fd, path, 0);
        (void)snprintf(path, sizeof path, "task/%d", fixture->tids[i]);
        (void)unlinkat(fixture->process.dir_fd, path, AT_REMOVEDIR);
    }
    (void)unlinkat(fixture->process.dir_fd, "task", AT_REMOVEDIR);
    assert_int_equal(rmdir(fixture->folder), 0);
    (void)fd_close(fixture->process.dir_fd);
    free(fixture);
    return 0;
}

/* Of the threads from first on every step-th. */
static void list_make(const struct fixture *fixture, int first, int step, struct thread_list *ret_list)
{
    assert_int_equal(thread_list_init(ret_list), 0);
    for (int i = first; i < THREADS; i += step)
        assert_int_equal(thread_list_add(ret_list, fixture->tids[i]), 0);
}

static void check(struct thread_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        assert_int_equal(list->items[i].alone, is_alone(list->items[i].tid));
    thread_list_forget(list);
}

static void all_by_the_holder(void **state)
{
    const struct fixture *fixture = *state;
    struct looks looks = {0};
    struct thread_list list;

    list_make(fixture, 0, 1, &list);
    assert_false(looks_can_help(&looks));
    looks_take(&looks, &fixture->process, &list); /* never begun */
    check(&list);
    list_make(fixture, 0, 1, &list);
    assert_int_equal(looks_begin(&looks, fixture->tids, THREADS), 0);
    assert_true(looks_can_help(&looks));
    looks_take(&looks, &fixture->process, &list);
    check(&list);
    assert_false(looks_can_help(&looks));
    assert_false(looks_help(&looks, &fixture->process, clock_monotonic_ns() + LONG_NS));
    looks_release(&looks);
}

static void remove_files(const struct fixture *fixture)
{
    for (int i = 0; i < THREADS; i++) {
        char path[64];

        (void)snprintf(path, sizeof path, "task/%d/syscall", fixture->tids[i]);
        assert_int_equal(unlinkat(fixture->process.dir_fd, path, 0), 0);
    }
}

static void all_by_the_helper_a_piece_at_a_time(void **state)
{
    const struct fixture *fixture = *state;
    struct looks looks = {0};
    struct thread_list list;
    int pieces = 1;

    list_make(fixture, 0, 1, &list);
    assert_int_equal(looks_begin(&looks, fixture->tids, THREADS), 0);
    while (looks_help(&looks, &fixture->process, 0))
        pieces++;
    assert_int_equal(pieces, THREADS + 1);
    assert_false(looks_can_help(&looks));
    remove_files(fixture); /* the holder has no need to look */
    looks_take(&looks, &fixture->process, &list);
    check(&list);
    looks_release(&looks);
}

/* Threads that had ended are not in the list; those that came since are not in the looks. */
static void lists_differ(void **state)
{
    const struct fixture *fixture = *state;

    for (int helped = 0; helped < 2; helped++) {
        struct looks looks = {0};
        struct thread_list list;

        list_make(fixture, 1, 2, &list);
        assert_int_equal(looks_begin(&looks, fixture->tids, THREADS / 2), 0);
        while (helped && looks_can_help(&looks))
            (void)looks_help(&looks, &fixture->process, 0);
        looks_take(&looks, &fixture->process, &list);
        check(&list);
        looks_release(&looks);
    }
}

struct helper {
    struct looks *looks;
    const struct pidref *process;
};

static void *help(void *argument)
{
    struct helper *helper = argument;

    while (looks_can_help(helper->looks))
        (void)looks_help(helper->looks, helper->process, clock_monotonic_ns());
    return NULL;
}

static void both_at_once(void **state)
{
    const struct fixture *fixture = *state;

    for (int round = 0; round < ROUNDS; round++) {
        struct looks looks = {0};
        struct helper helper = {&looks, &fixture->process};
        struct thread_list list;
        pthread_t thread;

        list_make(fixture, round % 3, 1 + round % 2, &list);
        assert_int_equal(looks_begin(&looks, fixture->tids, THREADS), 0);
        assert_int_equal(pthread_create(&thread, NULL, help, &helper), 0);
        looks_take(&looks, &fixture->process, &list);
        check(&list); /* while the helper may be at its last one still */
        assert_int_equal(pthread_join(thread, NULL), 0);
        looks_release(&looks);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_by_the_holder, setup, teardown),
        cmocka_unit_test_setup_teardown(all_by_the_helper_a_piece_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_differ, setup, teardown),
        cmocka_unit_test_setup_teardown(both_at_once, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
