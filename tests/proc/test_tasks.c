#include "proc/tasks.h"

#include "support.h"

#include <pthread.h>
#include <sys/syscall.h>

static void recorded_threads(void **state)
{
    _cleanup_procfs_ struct procfs recorded = open_procfs(PROC_FIXTURES "recorded");
    _cleanup_pidref_ struct pidref process = PIDREF_INIT;
    _cleanup_id_list_ struct id_list list = {0}, processes = {0}, none = {0};
    struct error error;
    int fd = -1;
    (void)state;

    assert_int_equal(pidref_open(&recorded, 400, &process, NULL), 0);
    assert_int_equal(id_list_read(process.dir_fd, "task", &list), 0);
    assert_int_equal(list.count, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(list.items[i], 400 + i);
    assert_int_equal(id_list_read(process.dir_fd, "fd", &none), -ESRCH);

    assert_int_equal(id_list_read(recorded.fd, ".", &processes), 0);
    assert_int_equal(processes.count, 10); /* not 007, 7x, 99999999999 */
    assert_int_equal(processes.items[0], 1);
    assert_int_equal(processes.items[9], 4194304);

    assert_int_equal(task_open(&process, 402, &fd, &error), 0);
    assert_true(fd >= 0);
    fd = fd_close(fd);
    assert_int_equal(task_open(&process, 403, &fd, &error), -ENOENT);
    assert_string_equal(error.text, "Thread with an Id of 403 is not part of process 400.");
    assert_int_equal(task_open(&process, -1, &fd, &error), -ENOENT);
    assert_int_equal(task_open(&process, 0, &fd, &error), -ENOENT);
    assert_int_equal(fd, -1);
}

enum { MANY = 3000 };
static pthread_t threads[MANY];

static void *wait_in_pause(void *unused)
{
    (void)unused;
    while (pause() < 0)
        continue;
    return NULL;
}

static void start_many_threads(void)
{
    pthread_attr_t small;
    (void)pthread_attr_init(&small);
    (void)pthread_attr_setstacksize(&small, 64 * 1024);
    for (int i = 0; i < MANY; i++)
        if (pthread_create(&threads[i], &small, wait_in_pause, NULL) != 0)
            _exit(1);
}

static void thousands_of_threads_then_none(void **state)
{
    _cleanup_procfs_ struct procfs procfs = open_procfs("/proc");
    _cleanup_pidref_ struct pidref process = PIDREF_INIT;
    _cleanup_id_list_ struct id_list list = {0}, none = {0};
    pid_t pid = start_child(start_many_threads);
    struct error error;
    int fd = -1;
    (void)state;

    assert_int_equal(pidref_open(&procfs, pid, &process, NULL), 0);
    assert_int_equal(id_list_read(process.dir_fd, "task", &list), 0);
    assert_int_equal(list.count, MANY + 1);
    for (size_t i = 1; i < list.count; i++)
        assert_true(list.items[i - 1] < list.items[i]);
    assert_int_equal(task_open(&process, list.items[MANY], &fd, NULL), 0);
    (void)close(fd);
    assert_int_equal(task_open(&process, getpid(), &fd, &error), -ENOENT);
    end_child(pid);
    assert_int_equal(id_list_read(process.dir_fd, "task", &none), -ESRCH);
    assert_int_equal(task_open(&process, pid, &fd, &error), -ESRCH);
    assert_non_null(strstr(error.text, "is not running."));
}

static void *end_at_once(void *unused)
{
    return unused;
}

static void *start_and_join(void *stop)
{
    while (!__atomic_load_n((bool *)stop, __ATOMIC_ACQUIRE)) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, end_at_once, NULL) == 0)
            (void)pthread_join(thread, NULL);
    }
    return NULL;
}

/* The kernel finds its place again by counting where the thread it had stopped at is gone. */
static void threads_that_come_and_go(void **state)
{
    _cleanup_close_ int self = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    pthread_t churner;
    bool stop = false;
    (void)state;

    assert_int_equal(pthread_create(&churner, NULL, start_and_join, &stop), 0);
    for (int i = 0; i < 500; i++) {
        _cleanup_id_list_ struct id_list list = {0};
        assert_int_equal(id_list_read(self, "task", &list), 0);
        bool found = false;
        for (size_t j = 0; j < list.count; j++) { /* we need not be the first: the ids wrap */
            assert_true(j == 0 || list.items[j - 1] < list.items[j]);
            found = found || list.items[j] == getpid();
        }
        assert_true(found);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    assert_int_equal(pthread_join(churner, NULL), 0);
}

static void descriptors(void **state)
{
    _cleanup_close_ int self = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_id_list_ struct id_list list = {0};
    int high = fcntl(self, F_DUPFD_CLOEXEC, 900);
    bool found = false;
    (void)state;

    assert_true(high >= 900);
    assert_int_equal(id_list_read(self, "fd", &list), 0);
    assert_int_equal(list.items[0], 0); /* a descriptor may be 0 */
    for (size_t i = 0; i < list.count; i++)
        found = found || list.items[i] == high;
    assert_true(found);
    (void)close(high);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_threads),
        cmocka_unit_test(thousands_of_threads_then_none),
        cmocka_unit_test(threads_that_come_and_go),
        cmocka_unit_test(descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
