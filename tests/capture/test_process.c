#include "target.h"

#include "base/clock.h"
#include "base/io.h"
#include "capture/process_name.h"
#include "capture/thread_parts.h"
#include "capture/thread_start.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>

static struct procfs procfs;
static struct host host;
static char folder[] = "/tmp/procscope-process-XXXXXX";

static int open_proc(void **state)
{
    struct error error = {0};

    (void)state;
    return procfs_open("/proc", &procfs, &error) < 0 || host_read(&procfs, &host) < 0 || !mkdtemp(folder) ? -1
                                                                                                          : 0;
}

static int close_proc(void **state)
{
    (void)state;
    procfs_close(&procfs);
    return rmdir(folder); /* each test removes its files */
}

static const char *inside(const char *name)
{
    static char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name); /* short names */
    return path;
}

static int read_pid(pid_t pid, struct process_info *info, struct error *error)
{
    _cleanup_pidref_ struct pidref ref = PIDREF_INIT;
    int r = pidref_open(&procfs, pid, &ref, error);

    return r < 0 ? r : process_info_read(&procfs, &ref, &host, info, error);
}

static struct process_info info_of(pid_t pid)
{
    struct process_info info = {0};
    struct error error = {0};
    int r = read_pid(pid, &info, &error);

    if (r < 0)
        fail_msg("%d: %s", r, error.text);
    return info;
}

static void write_file(const char *name, const char *text, mode_t mode)
{
    int fd = open(inside(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

    assert_true(fd >= 0);
    assert_int_equal(io_write_full(fd, text, strlen(text), -1), 0);
    close(fd);
}

static void copy_program(const char *from, const char *name)
{
    _cleanup_buffer_ struct buffer bytes = {0};
    int fd = open(inside(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

    assert_true(fd >= 0);
    assert_int_equal(io_read_file_at(AT_FDCWD, from, &bytes), 0);
    assert_int_equal(io_write_full(fd, bytes.data, bytes.size, -1), 0);
    close(fd);
}

static void what_the_kernel_says_is_there(void **state)
{
    const char *const arguments[] = {TARGETS "/starts", "1", NULL};
    const char *const environment[] = {"APP_POOL_ID=~1site", "EMPTY=", "TEXT=a=b\nc", "no-variable", NULL};
    struct target target = target_start(arguments, environment);
    _cleanup_process_info_ struct process_info info = info_of(target.pid);
    char path[PATH_MAX];

    (void)state;
    assert_int_equal(info.stat.pid, target.pid);
    assert_int_equal(info.stat.parent, getpid());
    assert_string_equal(info.name, "starts");
    assert_non_null(realpath(TARGETS "/starts", path));
    assert_string_equal(info.file_name, path);
    assert_string_equal(buffer_string(&info.command_line), TARGETS "/starts 1");
    assert_string_equal(environ_get(&info.environ, "APP_POOL_ID"), "~1site");
    assert_string_equal(environ_get(&info.environ, "TEXT"), "a=b\nc");
    assert_int_equal(info.threads.count, 9);
    assert_int_equal(info.status.uid[1], geteuid());
    assert_true(info.status.vm_rss > 0 && info.status.vm_size > info.status.vm_rss);
    assert_true(info.start_time <= clock_realtime_ns() &&
                info.start_time > clock_realtime_ns() - 600 * INT64_C(1000000000));
    assert_true(info.files.count >= 7); /* 0, 1, 2, pipe, socket pair */
    assert_int_equal(info.handle_count, info.files.count);
    assert_int_equal(info.children.count, 0);
    assert_false(info.kernel_thread || info.environ_denied || info.files_denied || info.modules_denied);
    assert_true(info.modules.count >= 4); /* program, libc, loader, vdso */
    target_stop(&target);
}

static void go_on(const char *fifo)
{
    int fd = open(inside(fifo), O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    close(fd);
}

/* What lies in its memory are pipes that nobody writes to. */
static void a_hung_process_is_told_without_its_memory(void **state)
{
    static const char stat[] = "70001 (hung) D 1 1 1 0 -1 4194304 1 0 0 0 5 0 0 0 20 0 1 0 100 4096 10 "
                               "18446744073709551615 1 1\n";
    _cleanup_process_info_ struct process_info info = {0};
    struct pidref ref = {.pid = 70001, .pid_fd = -1};
    struct error error = {0};

    (void)state;
    ref.dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(ref.dir_fd >= 0);
    write_file("stat", stat, 0600);
    assert_int_equal(mkdir(inside("task"), 0700), 0);
    assert_int_equal(mkdir(inside("task/70001"), 0700), 0);
    write_file("task/70001/stat", stat, 0600);
    assert_int_equal(mkfifo(inside("cmdline"), 0600), 0);
    assert_int_equal(mkfifo(inside("environ"), 0600), 0);
    assert_int_equal(mkfifo(inside("maps"), 0600), 0);
    if (process_info_read(&procfs, &ref, &host, &info, &error) < 0)
        fail_msg("%s", error.text);
    assert_true(info.is_hung);
    assert_string_equal(info.name, "hung");
    assert_int_equal(info.threads.count, 1);
    assert_int_equal(info.modules.count, 0);
    assert_int_equal(thread_start_find(&ref, 70002), 0);

    go_on("cmdline");
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(remove(inside((const char *const[]){"stat", "cmdline", "environ", "maps",
                                                             "task/70001/stat", "task/70001", "task"}[i])),
                         0);
    close(ref.dir_fd);
}

static void *fork_here(void *pid)
{
    pid_t child = fork();

    if (child == 0) {
        pause();
        _exit(0);
    }
    *(pid_t *)pid = child;
    pause();
    return NULL;
}

/* The kernel keeps children by thread: those that another thread than the first made belong to the process
 * too. */
static void children_of_all_threads_are_found(void **state)
{
    pid_t first = 0, child = fork();
    volatile pid_t second = 0;
    pthread_t thread;

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        pause();
        _exit(0);
    }
    first = child;
    assert_int_equal(pthread_create(&thread, NULL, fork_here, (void *)&second), 0);
    while (second == 0)
        sched_yield();
    _cleanup_process_info_ struct process_info info = info_of(getpid());
    assert_int_equal(info.children.count, 2);
    assert_int_equal(info.children.items[0], first < second ? first : second);
    assert_int_equal(info.children.items[1], first < second ? second : first);

    /* and the same from the list of all, for kernels without task/TID/children */
    _cleanup_close_ int nowhere = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_id_list_ struct id_list threads = {0}, children = {0};
    assert_int_equal(id_list_read(AT_FDCWD, "/proc/self/task", &threads), 0);
    assert_int_equal(children_read(&procfs, getpid(), nowhere, &threads, &children), 0);
    assert_int_equal(children.count, 2);
    assert_memory_equal(children.items, info.children.items, 2 * sizeof(pid_t));

    assert_int_equal(kill(first, SIGKILL) | kill(second, SIGKILL), 0);
    assert_int_equal(waitpid(first, NULL, 0), first);
    assert_int_equal(waitpid(second, NULL, 0), second);
    pthread_cancel(thread);
    pthread_join(thread, NULL);
}

static void names_cut_by_the_kernel_are_completed(void **state)
{
    static const char program[] = "a-name-longer-than-fifteen", script[] = "a-script-longer-than-that.sh";

    (void)state;
    copy_program(TARGETS "/starts", program);
    write_file(script, "#!/bin/sh\necho ready\nread x\n", 0755);
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? program : script;
        const char *const arguments[] = {inside(name), NULL};
        struct target target = target_start(arguments, NULL);
        _cleanup_process_info_ struct process_info info = info_of(target.pid);
        char full[256];

        assert_string_equal(info.name, name);
        process_full_name(target.ref.dir_fd, info.stat.name, full, sizeof full);
        assert_string_equal(full, name);
        target_stop(&target);
        assert_int_equal(unlink(inside(name)), 0);
    }
}

static void a_name_of_its_first_thread_is_not_the_programs(void **state)
{
    static const struct {
        char words[24];
        size_t size;
        const char *name;
    } cases[] = {
        {"/usr/bin/node\0x.js", 18, "node"},
        {"node", 4, "node"},
        {"dir/\0x.js", 9, "x.js"},
        {"", 0, "MainThread"},
    };

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
        _cleanup_buffer_ struct buffer words = {0};
        char name[32];

        assert_int_equal(buffer_append(&words, cases[i].words, cases[i].size), 0);
        process_name_complete(&words, "MainThread", name, sizeof name);
        assert_string_equal(name, cases[i].name);
    }
}

static void a_removed_program_keeps_its_name(void **state)
{
    const char *const arguments[] = {inside("gone (deleted)"), NULL};
    char path[PATH_MAX];

    (void)state;
    copy_program(TARGETS "/starts", "gone (deleted)");
    struct target target = target_start(arguments, NULL);
    _cleanup_process_info_ struct process_info there = info_of(target.pid);
    (void)snprintf(path, sizeof path, "%s", inside("gone (deleted)")); /* fits */
    assert_string_equal(there.file_name, path);
    assert_int_equal(unlink(path), 0);
    _cleanup_process_info_ struct process_info removed = info_of(target.pid);
    assert_string_equal(removed.file_name, path);
    target_stop(&target);
}

static void hostile_names_come_through(void **state)
{
    const char *const arguments[] = {TARGETS "/shapes", "hostile-name", NULL};
    struct target target = target_start(arguments, NULL);
    _cleanup_process_info_ struct process_info info = info_of(target.pid);
    char path[64], comm[64] = "";

    (void)state;
    (void)snprintf(path, sizeof path, "/proc/%d/comm", (int)target.pid); /* fits */
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = io_read_full(fd, comm, sizeof comm - 1);
    assert_true(size > 1);
    comm[size - 1] = '\0'; /* its line end */
    assert_string_equal(info.name, comm);
    assert_int_equal(info.stat.parent, getpid());
    target_stop(&target);
}

static void zombies_are_read(void **state)
{
    const char *const arguments[] = {TARGETS "/starts", NULL};
    struct target target = target_start(arguments, NULL);
    siginfo_t ended;

    (void)state;
    assert_int_equal(kill(target.pid, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)target.pid, &ended, WEXITED | WNOWAIT), 0);
    _cleanup_process_info_ struct process_info info = info_of(target.pid);
    assert_int_equal(info.stat.state, 'Z');
    assert_string_equal(info.name, "starts");
    assert_null(info.file_name);
    assert_int_equal(info.threads.count, 1);
    assert_int_equal(info.modules.count, 0);
    assert_int_equal(info.status.vm_rss, -1);
    assert_string_equal(buffer_string(&info.command_line), "");
    target_stop(&target);

    struct process_info gone = {0};
    struct error error = {0};
    assert_int_equal(read_pid(target.pid, &gone, &error), -ESRCH);
    assert_non_null(strstr(error.text, "is not running."));
}

static void a_zombie_leader_hides_no_threads(void **state)
{
    const char *const arguments[] = {TARGETS "/shapes", "zombie-leader", NULL};
    struct target target = target_start(arguments, NULL);
    _cleanup_process_info_ struct process_info info = info_of(target.pid);

    (void)state;
    assert_int_equal(info.threads.count, 3);
    target_stop(&target);
}

static void kernel_threads_have_no_memory(void **state)
{
    struct process_info info = {0};
    struct error error = {0};

    (void)state;
    if (read_pid(2, &info, &error) < 0 || !info.kernel_thread) {
        process_info_release(&info);
        skip(); /* in a pid namespace of its own there are none */
    }
    assert_string_equal(info.name, "kthreadd");
    assert_null(info.file_name);
    assert_int_equal(info.modules.count, 0);
    assert_false(info.modules_denied);
    assert_int_equal(info.status.vm_rss, -1);
    process_info_release(&info);
}

/* In a process of its own, since it gives up its rights. */
static int read_as_nobody(pid_t pid)
{
    _cleanup_process_info_ struct process_info info = {0};
    struct error error = {0};

    if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
        return 1;
    if (read_pid(pid, &info, &error) < 0)
        return 2;
    if (!info.environ_denied || !info.files_denied || !info.modules_denied || info.handle_count != -1)
        return 3;
    if (info.file_name || info.threads.count != 8 || strcmp(info.name, "starts") != 0)
        return 4;
    return info.status.vm_rss > 0 ? 0 : 5;
}

static void what_is_denied_is_said(void **state)
{
    const char *const arguments[] = {TARGETS "/starts", NULL};
    struct target target;
    int status;
    pid_t child;

    (void)state;
    if (geteuid() != 0)
        skip();
    target = target_start(arguments, NULL);
    child = fork();
    if (child == 0)
        _exit(read_as_nobody(target.pid));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    target_stop(&target);
}

/* Whatever moment it is gone at, the answer is a whole one or "is not running". */
static void dying_processes_are_no_fault(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        _cleanup_process_info_ struct process_info info = {0};
        struct error error = {0};
        pid_t child = fork();
        int r;
        assert_true(child >= 0);
        if (child == 0) {
            (void)nanosleep(&(struct timespec){.tv_nsec = i * 1000}, NULL); /* any time will do */
            _exit(0);
        }
        r = read_pid(child, &info, &error);
        assert_true(r == 0 || r == -ESRCH);
        assert_int_equal(waitpid(child, NULL, 0), child);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_kernel_says_is_there),
        cmocka_unit_test(a_hung_process_is_told_without_its_memory),
        cmocka_unit_test(children_of_all_threads_are_found),
        cmocka_unit_test(names_cut_by_the_kernel_are_completed),
        cmocka_unit_test(a_name_of_its_first_thread_is_not_the_programs),
        cmocka_unit_test(a_removed_program_keeps_its_name),
        cmocka_unit_test(hostile_names_come_through),
        cmocka_unit_test(zombies_are_read),
        cmocka_unit_test(a_zombie_leader_hides_no_threads),
        cmocka_unit_test(kernel_threads_have_no_memory),
        cmocka_unit_test(what_is_denied_is_said),
        cmocka_unit_test(dying_processes_are_no_fault),
    };

    return cmocka_run_group_tests(tests, open_proc, close_proc);
}
