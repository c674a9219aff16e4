#include "proc/pidref.h"

#include "proc/stat.h"
#include "support.h"

#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/syscall.h>

static void missing_ones(void **state)
{
    _cleanup_procfs_ struct procfs live = open_procfs("/proc"),
                                   recorded = open_procfs(PROC_FIXTURES "recorded");
    struct pidref ref = {.pid = 77};
    struct error error;
    (void)state;

    assert_int_equal(pidref_open(&live, 99999999, &ref, &error), -ESRCH);
    assert_string_equal(error.text, "Process with an Id of 99999999 is not running.");
    assert_int_equal(error.code, ESRCH);
    assert_int_equal(pidref_open(&recorded, 99999, &ref, &error), -ESRCH);
    assert_string_equal(error.text, "Process with an Id of 99999 is not running.");
    assert_int_equal(pidref_open(&live, 0, &ref, &error), -ESRCH);
    assert_int_equal(pidref_open(&live, -1, &ref, &error), -ESRCH);
    assert_string_equal(error.text, "Process with an Id of -1 is not running.");
    assert_int_equal(pidref_open(&recorded, 602, &ref, &error), -ESRCH); /* no stat: gone since */
    assert_int_equal(pidref_open(&recorded, 600, &ref, &error), -EBADMSG);
    assert_int_equal(ref.pid, 77);
}

static void recorded_ones(void **state)
{
    _cleanup_procfs_ struct procfs recorded = open_procfs(PROC_FIXTURES "recorded");
    _cleanup_pidref_ struct pidref ref = PIDREF_INIT;
    struct error error;
    (void)state;

    assert_int_equal(pidref_open(&recorded, 401, &ref, &error), -ESRCH); /* a thread of 400 */
    assert_int_equal(pidref_open(&recorded, 400, &ref, &error), 0);
    assert_int_equal(ref.pid, 400);
    assert_int_equal(ref.pid_fd, -1);
    assert_int_equal(ref.start_time, 4200);
    assert_true(pidref_alive(&ref));
    assert_int_equal(pidref_signal(&ref, SIGKILL), -EOPNOTSUPP);
    pidref_close(&ref);
    assert_int_equal(ref.dir_fd, -1);
    pidref_close(&ref);
    pidref_close(NULL);
}

static void lives_becomes_a_zombie_and_goes(void **state)
{
    _cleanup_procfs_ struct procfs procfs = open_procfs("/proc");
    _cleanup_pidref_ struct pidref ref = PIDREF_INIT;
    pid_t pid = start_child(NULL);
    siginfo_t ended;
    (void)state;

    assert_true(procfs.live);
    assert_int_equal(pidref_open(&procfs, pid, &ref, NULL), 0);
    assert_true(ref.pid_fd >= 0 && ref.dir_fd >= 0 && ref.start_time > 0);
    assert_int_equal(fcntl(ref.pid_fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(ref.dir_fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_true(pidref_alive(&ref));
    assert_int_equal(pidref_signal(&ref, 0), 0);
    assert_int_equal(pidref_signal(&ref, SIGTERM), 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT), 0);
    assert_int_equal(ended.si_status, SIGTERM);
    assert_true(pidref_alive(&ref));
    assert_int_equal(pidref_signal(&ref, SIGTERM), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_false(pidref_alive(&ref));
    assert_int_equal(pidref_signal(&ref, SIGTERM), -ESRCH);
}

static void *wait_in_pause(void *ret_id)
{
    __atomic_store_n((pid_t *)ret_id, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
    while (pause() < 0)
        continue;
    return NULL;
}

static void a_thread_is_no_process(void **state)
{
    _cleanup_procfs_ struct procfs procfs = open_procfs("/proc");
    struct pidref ref;
    struct error error;
    pid_t id = 0;
    pthread_t thread;
    char text[64];
    (void)state;

    assert_int_equal(pthread_create(&thread, NULL, wait_in_pause, &id), 0);
    while (__atomic_load_n(&id, __ATOMIC_ACQUIRE) == 0)
        (void)sched_yield();
    (void)snprintf(text, sizeof text, "/proc/%d/stat", (int)id);
    assert_int_equal(access(text, R_OK), 0);
    assert_int_equal(pidref_open(&procfs, id, &ref, &error), -ESRCH);
    (void)snprintf(text, sizeof text, "Process with an Id of %d is not running.", (int)id);
    assert_string_equal(error.text, text);
    assert_int_equal(pthread_cancel(thread), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* A new child with the number wanted; needs the right to choose (root). */
static pid_t fork_with_number(pid_t wanted)
{
    struct clone_args arguments = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&wanted, .set_tid_size = 1};
    pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid == 0)
        sleep_for_ever();
    return pid;
}

static int check_reused_number(void)
{
    struct procfs procfs;
    struct pidref ref, descriptors_only;
    struct proc_stat stat;
    pid_t pid = fork(), again;

    if (pid == 0)
        sleep_for_ever();
    if (procfs_open("/proc", &procfs, NULL) < 0 || pidref_open(&procfs, pid, &ref, NULL) < 0)
        return 1;
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    again = fork_with_number(pid);
    if (again != pid)
        return 77;
    if (pidref_alive(&ref))
        return 2;
    if (pidref_signal(&ref, SIGKILL) != -ESRCH)
        return 3;
    if (proc_stat_read(ref.dir_fd, &stat) != -ESRCH)
        return 4;
    descriptors_only = ref;
    descriptors_only.pid_fd = -1;
    if (pidref_alive(&descriptors_only) || pidref_signal(&descriptors_only, SIGKILL) != -ESRCH)
        return 5;
    if (kill(pid, 0) < 0 || waitpid(pid, NULL, WNOHANG) != 0)
        return 6; /* the newcomer was hit */
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    return 0;
}

static void a_number_used_again_is_not_taken_for_the_first(void **state)
{
    (void)state;
    run_in_child(check_reused_number);
}

/* Makes pidfd_open and pidfd_send_signal fail with `error`, like an old kernel or a container's filter. */
static int refuse_pidfds(unsigned error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_send_signal, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = ELEMENTS_OF(filter), .filter = filter};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int check_without_pidfds(unsigned error)
{
    struct procfs procfs;
    struct pidref ref, none;
    pthread_t thread;
    pid_t pid = fork(), id = 0;
    int status;

    if (pid == 0)
        sleep_for_ever();
    if (pthread_create(&thread, NULL, wait_in_pause, &id) != 0)
        return 1;
    while (__atomic_load_n(&id, __ATOMIC_ACQUIRE) == 0)
        (void)sched_yield();
    if (refuse_pidfds(error) < 0)
        return 77;
    if (procfs_open("/proc", &procfs, NULL) < 0 || !procfs.live || pidref_open(&procfs, pid, &ref, NULL) < 0)
        return 2;
    if (ref.pid_fd != -1 || !pidref_alive(&ref))
        return 3;
    if (pidref_open(&procfs, id, &none, NULL) != -ESRCH)
        return 4;
    if (pidref_signal(&ref, SIGTERM) < 0)
        return 5;
    if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGTERM)
        return 6;
    if (pidref_alive(&ref) || pidref_signal(&ref, SIGTERM) != -ESRCH)
        return 7;
    if (fork_with_number(pid) == pid) {
        if (pidref_alive(&ref) || pidref_signal(&ref, SIGKILL) != -ESRCH)
            return 8;
        if (waitpid(pid, NULL, WNOHANG) != 0)
            return 9;
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    return 0;
}

static int check_old_kernel(void)
{
    return check_without_pidfds(ENOSYS);
}

static int check_filtered(void)
{
    return check_without_pidfds(EPERM);
}

static void works_without_pidfds(void **state)
{
    (void)state;
    run_in_child(check_old_kernel);
    run_in_child(check_filtered);
}

static void init_of_namespace(int mounted)
{
    char directory[] = "/tmp/procscope-pidref-XXXXXX";
    int fd = -1;

    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mkdtemp(directory)) {
        if (mount("proc", directory, "proc", 0, NULL) == 0) {
            fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            (void)umount2(directory, MNT_DETACH);
        }
        (void)rmdir(directory);
    }
    if (write(mounted, &fd, sizeof fd) != sizeof fd)
        _exit(1);
    sleep_for_ever();
}

/* Seen through the /proc of an inner pid namespace, 1 is that namespace's init and not ours. */
static int check_inner_procfs(void)
{
    int mounted[2], inner = -1, status;
    struct procfs procfs;
    struct pidref ref;
    char path[64];
    pid_t pid;

    if (pipe2(mounted, O_CLOEXEC) < 0)
        return 1;
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
        return 77;
    pid = fork();
    if (pid == 0)
        init_of_namespace(mounted[1]);
    (void)close(mounted[1]); /* so that its end is an end of the pipe, too */
    if (read(mounted[0], &inner, sizeof inner) != sizeof inner || inner < 0)
        return 77;
    (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, inner);
    if (procfs_open(path, &procfs, NULL) < 0)
        return 2;
    if (procfs.live)
        return 3;
    if (pidref_open(&procfs, 1, &ref, NULL) < 0 || ref.pid_fd != -1 || !pidref_alive(&ref))
        return 4;
    if (pidref_signal(&ref, SIGKILL) < 0)
        return 5;
    if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        return 6;
    return pidref_signal(&ref, SIGKILL) == -ESRCH && !pidref_alive(&ref) ? 0 : 7;
}

/* Inside a pid namespace that still has the outer /proc: its numbers are not pids to us. */
static int check_outer_procfs(void)
{
    int status;
    pid_t victim, pid;

    victim = fork();
    if (victim == 0)
        sleep_for_ever();
    if (unshare(CLONE_NEWPID) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0) {
        (void)kill(victim, SIGKILL);
        (void)waitpid(victim, NULL, 0);
        return 77;
    }
    pid = fork();
    if (pid == 0) {
        struct procfs procfs;
        struct pidref ref;
        if (procfs_open("/proc", &procfs, NULL) < 0 || procfs.live)
            _exit(2);
        if (pidref_open(&procfs, victim, &ref, NULL) < 0 || ref.pid_fd != -1)
            _exit(3);
        if (pidref_signal(&ref, SIGKILL) >= 0) /* the kernel lets nobody signal outwards */
            _exit(4);
        if (refuse_pidfds(ENOSYS) < 0 || pidref_signal(&ref, SIGKILL) != -EOPNOTSUPP)
            _exit(5);
        _exit(0);
    }
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || waitpid(victim, NULL, WNOHANG) != 0)
        return 1;
    (void)kill(victim, SIGKILL);
    (void)waitpid(victim, NULL, 0);
    return WEXITSTATUS(status);
}

static void a_procfs_of_another_namespace(void **state)
{
    (void)state;
    run_in_child(check_inner_procfs);
    run_in_child(check_outer_procfs);
}

static void another_users_process(void **state)
{
    _cleanup_procfs_ struct procfs procfs = open_procfs("/proc");
    _cleanup_pidref_ struct pidref ref = PIDREF_INIT;
    (void)state;

    if (geteuid() == 0)
        skip();
    assert_int_equal(pidref_open(&procfs, 1, &ref, NULL), 0);
    assert_true(pidref_alive(&ref));
    assert_int_equal(pidref_signal(&ref, 0), -EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_ones),
        cmocka_unit_test(recorded_ones),
        cmocka_unit_test(lives_becomes_a_zombie_and_goes),
        cmocka_unit_test(a_thread_is_no_process),
        cmocka_unit_test(a_number_used_again_is_not_taken_for_the_first),
        cmocka_unit_test(works_without_pidfds),
        cmocka_unit_test(a_procfs_of_another_namespace),
        cmocka_unit_test(another_users_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
