#include "proc/status.h"

#include "support.h"

#include <grp.h>
#include <sched.h>

static struct proc_status read_fixture(const char *name)
{
    _cleanup_close_ int directory = open_fixture(name);
    struct proc_status status;
    assert_int_equal(proc_status_read(directory, &status), 0);
    return status;
}

static struct proc_status read_live(const char *directory_name)
{
    _cleanup_close_ int directory = open(directory_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct proc_status status;
    assert_int_equal(proc_status_read(directory, &status), 0);
    return status;
}

static void every_field_of_a_recorded_process(void **state)
{
    struct proc_status status = read_fixture("recorded/400");
    (void)state;

    assert_int_equal(status.state, 'S');
    assert_int_equal(status.thread_group, 400);
    assert_int_equal(status.parent, 30);
    assert_int_equal(status.tracer, 0);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(status.uid[i], 1000 + i);
        assert_int_equal(status.gid[i], 2000 + i);
    }
    assert_int_equal(status.namespace_depth, 3);
    assert_int_equal(status.namespace_pids[0], 400);
    assert_int_equal(status.namespace_pids[1], 17);
    assert_int_equal(status.namespace_pids[2], 1);
    assert_int_equal(status.vm_peak, 9000 * 1024);
    assert_int_equal(status.vm_size, 8000 * 1024);
    assert_int_equal(status.vm_locked, 16 * 1024);
    assert_int_equal(status.vm_hwm, 5000 * 1024);
    assert_int_equal(status.vm_rss, 4000 * 1024);
    assert_int_equal(status.vm_data, 700 * 1024);
    assert_int_equal(status.vm_stack, 132 * 1024);
    assert_int_equal(status.vm_exe, 900 * 1024);
    assert_int_equal(status.vm_lib, 1600 * 1024);
    assert_int_equal(status.vm_pte, 44 * 1024);
    assert_int_equal(status.vm_swap, 8 * 1024);
    assert_int_equal(status.thread_count, 3);
    assert_int_equal(status.signals_pending, 1);
    assert_int_equal(status.signals_shared_pending, 2);
    assert_int_equal(status.signals_blocked, 0x10000);
    assert_int_equal(status.signals_ignored, 0x380004);
    assert_int_equal(status.signals_caught, 0x4b817efb);
    assert_int_equal(status.cap_inheritable, 0);
    assert_int_equal(status.cap_permitted, 0x1ffffffffff);
    assert_int_equal(status.cap_effective, 0x3000);
    assert_int_equal(status.cap_bounding, 0x1ffffffffff);
    assert_true(status.cap_ambient == 0x8000000000000000u);
    assert_int_equal(status.no_new_privileges, 1);
    assert_int_equal(status.seccomp, 2);
    assert_int_equal(status.dumping, 0);
}

static void what_a_kernel_does_not_say_is_unknown(void **state)
{
    struct proc_status status = read_fixture("recorded/30");
    (void)state;

    assert_int_equal(status.state, 'Z');
    assert_int_equal(status.vm_rss, -1);
    assert_int_equal(status.vm_swap, -1);
    assert_int_equal(status.dumping, -1);

    status = read_fixture("cut/5");
    assert_int_equal(status.tracer, 77);
    assert_int_equal(status.uid[1], UINT32_MAX);
    assert_int_equal(status.namespace_depth, 0);
    assert_int_equal(status.vm_rss, -1);  /* too large */
    assert_int_equal(status.vm_size, -1); /* no number */
    assert_int_equal(status.vm_peak, -1);
    assert_int_equal(status.thread_count, 2);
    assert_int_equal(status.no_new_privileges, -1);
    assert_int_equal(status.seccomp, -1);
}

static void rubbish_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "\n\n",
                                        "State:\tS\n",
                                        "Tgid:\t1\n",
                                        "State:\nTgid:\t1\n",
                                        "State:\tS\nTgid:\t0\n",
                                        "State:\tS\nTgid:\t99999999999\n",
                                        "XState:\tS\nTgid:\t1\n",
                                        "State\tS\nTgid:\t1\n"};
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(texts); i++) {
        struct proc_status status = {.parent = 77};
        assert_int_equal(proc_status_parse(texts[i], strlen(texts[i]), &status), -EBADMSG);
        assert_int_equal(status.parent, 77);
    }
}

static void any_order_and_too_many_namespaces(void **state)
{
    char text[4096] = "Threads:\t5\nTgid:\t9\nState:\tR (running)\nNSpid:";
    struct proc_status status;
    (void)state;

    for (int i = 1; i <= NAMESPACE_DEPTH_MAX + 8; i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof text - used, "\t%d", i);
    }
    assert_int_equal(proc_status_parse(text, strlen(text), &status), 0);
    assert_int_equal(status.thread_count, 5);
    assert_int_equal(status.namespace_depth, NAMESPACE_DEPTH_MAX);
    assert_int_equal(status.namespace_pids[NAMESPACE_DEPTH_MAX - 1], NAMESPACE_DEPTH_MAX);
}

static void own_process(void **state)
{
    struct proc_status status = read_live("/proc/self");
    uid_t real, effective, saved;
    (void)state;

    assert_int_equal(getresuid(&real, &effective, &saved), 0);
    assert_int_equal(status.state, 'R');
    assert_int_equal(status.thread_group, getpid());
    assert_int_equal(status.parent, getppid());
    assert_int_equal(status.uid[0], real);
    assert_int_equal(status.uid[1], effective);
    assert_int_equal(status.uid[2], saved);
    assert_int_equal(status.gid[1], getegid());
    assert_int_equal(status.thread_count, 1);
    assert_true(status.vm_rss > 0 && status.vm_rss <= status.vm_hwm && status.vm_hwm <= status.vm_peak);
    assert_true(status.namespace_depth >= 1);
    assert_int_equal(status.namespace_pids[status.namespace_depth - 1], getpid());
}

static void set_up_signals_and_name(void)
{
    sigset_t set;
    (void)prctl(PR_SET_NAME, "x\nUid:\t77\t77\t77\t77");
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGUSR2);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)raise(SIGUSR2);
    (void)signal(SIGHUP, SIG_IGN);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void live_child_that_tries_to_fake_a_field(void **state)
{
    pid_t pid = start_child(set_up_signals_and_name);
    struct proc_status status;
    char path[64];
    (void)state;

    (void)snprintf(path, sizeof path, "/proc/%d", (int)pid);
    status = read_live(path);
    assert_int_equal(status.uid[1], geteuid());
    assert_int_equal(status.signals_blocked & (1u << (SIGUSR2 - 1)), 1u << (SIGUSR2 - 1));
    assert_int_equal(status.signals_pending & (1u << (SIGUSR2 - 1)), 1u << (SIGUSR2 - 1));
    assert_int_equal(status.signals_ignored & 1u, 1u);
    assert_int_equal(status.no_new_privileges, 1);
    end_child(pid);
}

/* 20,000 supplementary groups make a status of far more than a page. */
static int check_many_groups(void)
{
    static gid_t groups[20000];
    struct proc_status status;
    int directory;

    for (unsigned i = 0; i < ELEMENTS_OF(groups); i++)
        groups[i] = 100000 + i;
    if (setgroups(ELEMENTS_OF(groups), groups) < 0)
        return 77;
    directory = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (proc_status_read(directory, &status) < 0)
        return 1;
    return status.thread_group == getpid() && status.seccomp >= 0 ? 0 : 2;
}

static void status_of_more_than_a_page(void **state)
{
    (void)state;
    run_in_child(check_many_groups);
}

static int check_namespace(void)
{
    struct proc_status status;
    char path[64];
    pid_t pid;
    int directory, r;

    if (unshare(CLONE_NEWPID) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0)
        return 77;
    pid = fork();
    if (pid == 0)
        sleep_for_ever();
    (void)snprintf(path, sizeof path, "/proc/%d", (int)pid);
    directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    r = proc_status_read(directory, &status);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    if (r < 0)
        return 1;
    if (status.namespace_depth < 2 || status.namespace_pids[0] != pid)
        return 2;
    return status.namespace_pids[status.namespace_depth - 1] == 1 ? 0 : 3;
}

static void process_of_another_pid_namespace(void **state)
{
    (void)state;
    run_in_child(check_namespace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_of_a_recorded_process),
        cmocka_unit_test(what_a_kernel_does_not_say_is_unknown),
        cmocka_unit_test(rubbish_is_refused),
        cmocka_unit_test(any_order_and_too_many_namespaces),
        cmocka_unit_test(own_process),
        cmocka_unit_test(live_child_that_tries_to_fake_a_field),
        cmocka_unit_test(status_of_more_than_a_page),
        cmocka_unit_test(process_of_another_pid_namespace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
