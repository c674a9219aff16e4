#include "proc/list.h"

#include "support.h"

#include <sched.h>
#include <sys/mount.h>

static const struct process_entry *find(const struct process_list *list, pid_t pid)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].pid == pid)
            return &list->items[i];
    return NULL;
}

static void recorded_tree(void **state)
{
    static const pid_t pids[] = {1, 2, 30, 400, 401, 500, 4194304};
    _cleanup_procfs_ struct procfs procfs = open_procfs(PROC_FIXTURES "recorded");
    _cleanup_process_list_ struct process_list list = {0};
    const struct process_entry *entry;
    (void)state;

    assert_false(procfs.live);
    assert_int_equal(process_list_read(&procfs, &list), 0);
    assert_int_equal(list.count, ELEMENTS_OF(pids));
    for (size_t i = 0; i < list.count; i++)
        assert_int_equal(list.items[i].pid, pids[i]);
    entry = find(&list, 400);
    assert_string_equal(entry->name, ") R 1 (\n\xff\xfe) Z");
    assert_int_equal(entry->parent, 30);
    assert_int_equal(entry->user, 1001); /* the effective one */
    assert_int_equal(entry->start_ticks, 4200);
    assert_int_equal(entry->state, 'S');
    assert_false(entry->kernel_thread);
    assert_true(find(&list, 2)->kernel_thread);
    assert_int_equal(find(&list, 30)->state, 'Z');
}

static void change_identity(void)
{
    (void)prctl(PR_SET_NAME, HOSTILE_NAME);
    if (geteuid() == 0 && setresuid(65533, 65534, 0) < 0)
        _exit(1);
    (void)prctl(PR_SET_DUMPABLE, 0);
}

static void live_list_knows_the_effective_user_also_when_not_dumpable(void **state)
{
    pid_t pid = start_child(change_identity), zombie = fork();
    uid_t wanted = geteuid() == 0 ? 65534 : geteuid();
    _cleanup_procfs_ struct procfs procfs = open_procfs("/proc");
    _cleanup_process_list_ struct process_list list = {0}, later = {0};
    siginfo_t ended;
    (void)state;

    if (zombie == 0)
        _exit(0);
    assert_int_equal(waitid(P_PID, (id_t)zombie, &ended, WEXITED | WNOWAIT), 0);
    assert_int_equal(process_list_read(&procfs, &list), 0);
    assert_true(list.count >= 3);
    for (size_t i = 1; i < list.count; i++)
        assert_true(list.items[i - 1].pid < list.items[i].pid);
    assert_non_null(find(&list, getpid()));
    assert_int_equal(find(&list, getpid())->parent, getppid());
    assert_int_equal(find(&list, getpid())->user, geteuid());
    assert_int_equal(find(&list, pid)->user, wanted);
    assert_int_equal(find(&list, pid)->parent, getpid());
    assert_string_equal(find(&list, pid)->name, HOSTILE_NAME);
    assert_int_equal(find(&list, zombie)->state, 'Z');
    assert_int_equal(waitpid(zombie, NULL, 0), zombie);
    end_child(pid);
    assert_int_equal(process_list_read(&procfs, &later), 0);
    assert_null(find(&later, pid));
    assert_null(find(&later, zombie));
}

static void processes_that_vanish_meanwhile(void **state)
{
    _cleanup_procfs_ struct procfs procfs = open_procfs("/proc");
    pid_t spawner = fork();
    (void)state;

    if (spawner == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            pid_t child = fork();
            if (child == 0)
                _exit(0);
            if (child > 0)
                (void)waitpid(child, NULL, 0);
        }
    }
    for (int i = 0; i < 200; i++) {
        _cleanup_process_list_ struct process_list list = {0};
        assert_int_equal(process_list_read(&procfs, &list), 0);
        assert_non_null(find(&list, spawner));
    }
    end_child(spawner);
}

/* A /proc with hidepid, as another user: what is hidden is not in the list and is no error. */
static int check_hidden(const char *options)
{
    char directory[] = "/tmp/procscope-hidepid-XXXXXX";
    struct process_list list = {0};
    struct procfs procfs;
    int r;

    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        !mkdtemp(directory))
        return 77;
    if (mount("proc", directory, "proc", 0, options) < 0) {
        (void)rmdir(directory);
        return 77;
    }
    r = procfs_open(directory, &procfs, NULL);
    (void)umount2(directory, MNT_DETACH); /* stays until the descriptor is closed */
    (void)rmdir(directory);
    if (r < 0)
        return 1;
    if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
        return 2;
    if (process_list_read(&procfs, &list) < 0)
        return 3;
    for (size_t i = 0; i < list.count; i++)
        if (list.items[i].user != 65534)
            return 4;
    return find(&list, getpid()) ? 0 : 5;
}

static int check_hidden_by_1(void)
{
    return check_hidden("hidepid=1");
}

static int check_hidden_by_2(void)
{
    return check_hidden("hidepid=2");
}

static void hidden_processes(void **state)
{
    (void)state;
    run_in_child(check_hidden_by_1);
    run_in_child(check_hidden_by_2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_tree),
        cmocka_unit_test(live_list_knows_the_effective_user_also_when_not_dumpable),
        cmocka_unit_test(processes_that_vanish_meanwhile),
        cmocka_unit_test(hidden_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
