#include "proc/stat.h"

#include "support.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

static struct proc_stat parse(const char *text)
{
    struct proc_stat stat;
    assert_int_equal(proc_stat_parse(text, strlen(text), &stat), 0);
    return stat;
}

static void hostile_name_ends_at_the_last_parenthesis(void **state)
{
    _cleanup_close_ int directory = open_fixture("recorded/400");
    struct proc_stat stat;
    (void)state;

    assert_int_equal(proc_stat_read(directory, &stat), 0);
    assert_int_equal(stat.pid, 400);
    assert_string_equal(stat.name, ") R 1 (\n\xff\xfe) Z");
    assert_int_equal(stat.state, 'S');
    assert_int_equal(stat.parent, 30);
    assert_int_equal(stat.user_ticks, 12);
    assert_int_equal(stat.system_ticks, 34);
    assert_int_equal(stat.child_user_ticks, 5);
    assert_int_equal(stat.child_system_ticks, 6);
    assert_int_equal(stat.priority, 20);
    assert_int_equal(stat.thread_count, 3);
    assert_int_equal(stat.start_ticks, 4200);
    assert_int_equal(stat.virtual_bytes, 1048576);
    assert_int_equal(stat.resident_pages, 256);
    assert_int_equal(stat.start_stack, 140720000000000);
    assert_int_equal(stat.processor, 3);
    assert_int_equal(stat.realtime_priority, 7);
    assert_int_equal(stat.policy, 2);
}

static void kernel_thread_with_a_long_name(void **state)
{
    _cleanup_close_ int directory = open_fixture("recorded/2");
    struct proc_stat stat;
    (void)state;

    assert_int_equal(proc_stat_read(directory, &stat), 0);
    assert_string_equal(stat.name, "kworker/u9:3-events_unbound_and_more");
    assert_true(stat.flags & PROC_FLAG_KERNEL_THREAD);
}

static void negative_numbers_and_missing_tail(void **state)
{
    struct proc_stat stat =
        parse("9 () D 1 -1 0 0 -1 5 0 0 0 0 1 2 -3 -4 -100 -20 1 0 18446744073709551615 7 -8");
    (void)state;

    assert_string_equal(stat.name, "");
    assert_int_equal(stat.group, -1);
    assert_int_equal((int64_t)stat.child_user_ticks, -3);
    assert_int_equal(stat.priority, -100);
    assert_int_equal(stat.nice, -20);
    assert_true(stat.start_ticks == UINT64_MAX);
    assert_int_equal(stat.resident_pages, -8);
    assert_int_equal(stat.policy, 0);
}

static void overlong_name_is_cut(void **state)
{
    char text[512] = "9 (";
    struct proc_stat stat;
    (void)state;

    memset(text + 3, 'n', 200);
    (void)snprintf(text + 203, sizeof text - 203, ") R 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0");
    stat = parse(text);
    assert_int_equal(strlen(stat.name), COMM_MAX - 1);
    assert_int_equal(stat.state, 'R');
    assert_int_equal(stat.start_ticks, 3);
}

static void rubbish_is_refused_and_leaves_the_result(void **state)
{
    static const char *const texts[] = {
        "",
        "1",
        "1 ",
        "1 (a",
        "1 (a)",
        "1 (a) ",
        "1 (a) S",
        "x (a) S 1",
        " 1 (a) S 1 2",
        "-1 (a) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0",
        "1 (a) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 3 0",
        "1 (a) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 99999999999999999999999 0 0",
        "1 (a) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 x 0 3 0 0",
        "99999999999999999999999 (a) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0",
        "4294967297 (a) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0",
    };
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
        struct proc_stat stat = {.pid = 77};
        if (proc_stat_parse(texts[i], strlen(texts[i]), &stat) != -EBADMSG)
            fail_msg("taken: %s", texts[i]);
        assert_int_equal(stat.pid, 77);
    }
}

static void *thread_that_waits(void *argument)
{
    int *pipes = argument;
    char byte;

    (void)prctl(PR_SET_NAME, HOSTILE_NAME);
    (void)!write(pipes[1], "r", 1);
    (void)!read(pipes[2], &byte, 1);
    return NULL;
}

static void live_thread_with_a_hostile_name(void **state)
{
    int up[2], down[2], pipes[3];
    pthread_t thread;
    DIR *tasks;
    unsigned found = 0;
    char byte;
    (void)state;

    assert_int_equal(pipe2(up, O_CLOEXEC) | pipe2(down, O_CLOEXEC), 0);
    pipes[1] = up[1];
    pipes[2] = down[0];
    assert_int_equal(pthread_create(&thread, NULL, thread_that_waits, pipes), 0);
    assert_int_equal(read(up[0], &byte, 1), 1);
    tasks = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(tasks));) {
        _cleanup_close_ int directory = -1;
        struct proc_stat stat;
        if (entry->d_name[0] == '.')
            continue;
        directory = openat(dirfd(tasks), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(proc_stat_read(directory, &stat), 0);
        assert_int_equal(stat.parent, getppid());
        assert_int_equal(stat.thread_count, 2);
        found += strcmp(stat.name, HOSTILE_NAME) == 0;
    }
    assert_int_equal(found, 1);
    (void)closedir(tasks);
    (void)!write(down[1], "d", 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    for (int i = 0; i < 2; i++) {
        (void)close(up[i]);
        (void)close(down[i]);
    }
}

static void be_nice(void)
{
    (void)prctl(PR_SET_NAME, HOSTILE_NAME);
    (void)setpriority(PRIO_PROCESS, 0, 7);
    (void)setsid();
}

static void live_child_zombie_and_gone(void **state)
{
    pid_t pid = start_child(be_nice);
    char path[64];
    int directory, held_stat;
    struct proc_stat stat;
    siginfo_t ended;
    (void)state;

    (void)snprintf(path, sizeof path, "/proc/%d", (int)pid);
    directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    held_stat = openat(directory, "stat", O_RDONLY | O_CLOEXEC);
    assert_int_equal(proc_stat_read(directory, &stat), 0);
    assert_int_equal(stat.pid, pid);
    assert_int_equal(stat.parent, getpid());
    assert_int_equal(stat.session, pid);
    assert_int_equal(stat.nice, 7);
    assert_int_equal(stat.priority, 27);
    assert_string_equal(stat.name, HOSTILE_NAME);
    assert_true(stat.virtual_bytes > 0 && stat.resident_pages > 0);

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT), 0);
    assert_int_equal(proc_stat_read(directory, &stat), 0);
    assert_int_equal(stat.state, 'Z');

    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(proc_stat_read(directory, &stat), -ESRCH);
    assert_int_equal(read(held_stat, path, sizeof path), -1);
    assert_int_equal(errno, ESRCH);
    (void)close(held_stat);
    (void)close(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_name_ends_at_the_last_parenthesis),
        cmocka_unit_test(kernel_thread_with_a_long_name),
        cmocka_unit_test(negative_numbers_and_missing_tail),
        cmocka_unit_test(overlong_name_is_cut),
        cmocka_unit_test(rubbish_is_refused_and_leaves_the_result),
        cmocka_unit_test(live_thread_with_a_hostile_name),
        cmocka_unit_test(live_child_zombie_and_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
