/* Trees of /proc as containers have them, made here, and what is taken for the main process of each. */
#include "base/cleanup.h"
#include "proc/main_process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

static char tree[64];

static void write_file(const char *name, const char *text, size_t size)
{
    _cleanup_fclose_ FILE *file = NULL;
    char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", tree, name); /* fits */
    file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
}

static void make_directory(const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", tree, name); /* fits */
    assert_int_equal(mkdir(path, 0700), 0);
}

/* Started in the order of their pids. */
static void add_process(pid_t pid, pid_t parent, const char *name, char state)
{
    char path[64], text[512];
    int size;

    (void)snprintf(path, sizeof path, "%d", (int)pid); /* fits */
    make_directory(path);
    (void)snprintf(path, sizeof path, "%d/stat", (int)pid); /* fits */
    size = snprintf(
        text, sizeof text,
        "%d (%s) %c %d 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 %d 1000 10 18446744073709551615 0 0 0 0 "
        "0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
        (int)pid, name, state, (int)parent, (int)pid + 100);
    write_file(path, text, (size_t)size);
}

static void set_arguments(pid_t pid, const char *arguments, size_t size)
{
    char path[64];

    (void)snprintf(path, sizeof path, "%d/cmdline", (int)pid); /* fits */
    write_file(path, arguments, size);
}

static int make_tree(void **state)
{
    (void)state;
    (void)snprintf(tree, sizeof tree, "/tmp/procscope-mainXXXXXX"); /* fits */
    return mkdtemp(tree) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *facts, int type, struct FTW *place)
{
    (void)facts, (void)type, (void)place;
    return remove(path);
}

static int remove_tree(void **state)
{
    (void)state;
    return nftw(tree, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static const struct main_process_choice none;

static int find(const struct main_process_choice *choice, pid_t own_pid, pid_t *ret_pid, struct error *error)
{
    _cleanup_procfs_ struct procfs procfs = {.fd = -1};

    assert_int_equal(procfs_open(tree, &procfs, NULL), 0);
    return main_process_find(&procfs, choice, own_pid, ret_pid, error);
}

static void assert_main(pid_t own_pid, pid_t expected)
{
    struct error error = {0};
    pid_t pid = -1;
    int r = find(&none, own_pid, &pid, &error);

    if (r < 0)
        fail_msg("%d: %s", r, error.text);
    assert_int_equal(pid, expected);
}

static void assert_none(const struct main_process_choice *choice, pid_t own_pid, const char *part)
{
    struct error error = {0};
    pid_t pid = -7;

    assert_int_equal(find(choice, own_pid, &pid, &error), -ESRCH);
    assert_int_equal(pid, -7);
    assert_int_equal(error.code, ESRCH);
    if (!strstr(error.text, part))
        fail_msg("\"%s\" does not hold \"%s\"", error.text, part);
}

/* The marks of a container, one in each test that needs any. */
static void mark_as_docker(void)
{
    make_directory("1/root");
    write_file("1/root/.dockerenv", "", 0);
}

static void mark_as_kubernetes(void)
{
    static const char cgroup[] = "0::/kubepods.slice/kubepods-burstable.slice/cri-containerd-1234.scope\n";
    write_file("1/cgroup", cgroup, sizeof cgroup - 1);
}

static void is_process_1_of_a_container(void **state)
{
    (void)state;
    add_process(1, 0, "node", 'S');
    add_process(7, 1, "sh", 'S');
    add_process(20, 0, "procscope", 'S'); /* by docker exec */
    assert_none(&none, 20, "--main-pid, --main-name or --main-pid-file");
    mark_as_docker();
    assert_main(20, 1);
}

static void is_process_1_in_a_pid_namespace(void **state)
{
    char path[128];
    (void)state;

    add_process(1, 0, "java", 'S');
    make_directory("self");
    make_directory("self/ns");
    (void)snprintf(path, sizeof path, "%s/self/ns/pid", tree); /* fits */
    assert_int_equal(symlink("pid:[4026531836]", path), 0);
    assert_none(&none, 20, "not a container");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("pid:[4026532999]", path), 0);
    assert_main(20, 1);
}

static void is_what_an_init_started(void **state)
{
    (void)state;
    add_process(1, 0, "tini", 'S');
    add_process(5, 1, "gone", 'Z');
    add_process(6, 1, "procscope", 'S');
    add_process(7, 1, "python3", 'S');
    add_process(9, 1, "orphan", 'S');
    mark_as_kubernetes();
    assert_main(6, 7);
}

static void goes_down_through_scripts_and_supervisors(void **state)
{
    (void)state;
    add_process(1, 0, "s6-svscan", 'S');
    add_process(2, 1, "s6-supervise", 'S');
    add_process(3, 2, "s6-linux-init-s", 'S');
    add_process(4, 1, "s6-supervise", 'S');
    add_process(5, 4, "sh", 'S');
    add_process(6, 5, "procscope", 'S');
    add_process(7, 6, "procscope", 'S');
    add_process(8, 5, "ruby", 'S');
    mark_as_docker();
    assert_main(6, 8);
}

static void is_the_shell_where_it_started_nothing(void **state)
{
    (void)state;
    add_process(1, 0, "bash", 'S');
    add_process(6, 1, "procscope", 'S');
    mark_as_docker();
    assert_main(6, 1);
}

static void is_beside_the_pause_of_a_pod(void **state)
{
    (void)state;
    add_process(1, 0, "pause", 'S');
    add_process(8, 0, "procscope", 'S');
    add_process(12, 0, "dotnet", 'S');
    mark_as_kubernetes();
    assert_main(8, 12);
    add_process(15, 0, "envoy", 'S');
    assert_none(&none, 8, "12 (dotnet), 15 (envoy)");
}

static void is_never_ourselves(void **state)
{
    (void)state;
    add_process(1, 0, "procscope", 'S');
    add_process(2, 1, "procscope", 'S');
    mark_as_docker();
    assert_none(&none, 1, "--main-name");
}

static void says_that_several_are_too_many(void **state)
{
    (void)state;
    add_process(1, 0, "supervisord", 'S');
    add_process(8, 1, "nginx", 'S');
    add_process(9, 1, "php-fpm", 'S');
    mark_as_docker();
    assert_none(&none, 20, "8 (nginx), 9 (php-fpm)");
}

static void stands_a_circle_of_parents(void **state)
{
    pid_t pid;
    (void)state;
    add_process(1, 3, "sh", 'S');
    add_process(2, 1, "sh", 'S');
    add_process(3, 2, "sh", 'S');
    mark_as_docker();
    assert_int_equal(find(&none, 20, &pid, NULL), 0); /* any of them, as long as it ends */
}

static void is_the_configured_pid(void **state)
{
    struct main_process_choice choice = {.pid = 42};
    pid_t pid = 0;
    (void)state;

    add_process(42, 1, "anything", 'S');
    assert_int_equal(find(&choice, 5, &pid, NULL), 0);
    assert_int_equal(pid, 42);
    choice.pid = 43;
    assert_none(&choice, 5, "43 as given by --main-pid, is not running");
}

static void is_found_by_name(void **state)
{
    static const char nginx[] = "/usr/sbin/nginx\0-g\0daemon off;";
    struct main_process_choice choice = {.name = "nginx"};
    pid_t pid = 0;
    (void)state;

    add_process(1, 0, "systemd", 'S');
    add_process(30, 1, "other", 'S');
    set_arguments(30, nginx, sizeof nginx);
    assert_int_equal(find(&choice, 5, &pid, NULL), 0);
    assert_int_equal(pid, 30);
    add_process(40, 1, "nginx", 'S'); /* the kernel's name is surer */
    add_process(41, 40, "nginx", 'S');
    assert_int_equal(find(&choice, 5, &pid, NULL), 0);
    assert_int_equal(pid, 40);
    assert_int_equal(find(&choice, 40, &pid, NULL), 0); /* that is us */
    assert_int_equal(pid, 41);
    add_process(50, 1, "a-script-with-a", 'S');
    choice.name = "a-script-with-a-long-name";
    assert_int_equal(find(&choice, 5, &pid, NULL), 0);
    assert_int_equal(pid, 50);
    choice.name = "a-script-with";
    assert_none(&choice, 5, "no process has the name a-script-with");
}

static void is_found_by_pid_file(void **state)
{
    char path[128];
    struct main_process_choice choice = {.pid_file = path};
    pid_t pid = 0;
    (void)state;

    (void)snprintf(path, sizeof path, "%s/main.pid", tree); /* fits */
    assert_none(&choice, 5, "does not exist");
    write_file("main.pid", "42\n", 3);
    assert_none(&choice, 5, "42 as given by --main-pid-file, is not running");
    add_process(42, 1, "anything", 'S');
    assert_int_equal(find(&choice, 5, &pid, NULL), 0);
    assert_int_equal(pid, 42);
    write_file("main.pid", "42x", 3);
    assert_none(&choice, 5, "does not begin with a process id");
    write_file("main.pid", "", 0);
    assert_none(&choice, 5, "does not begin with a process id");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_none(&choice, 5, "does not begin with a process id");
}

#define IN_A_TREE(test) cmocka_unit_test_setup_teardown(test, make_tree, remove_tree)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_TREE(is_process_1_of_a_container),
        IN_A_TREE(is_process_1_in_a_pid_namespace),
        IN_A_TREE(is_what_an_init_started),
        IN_A_TREE(goes_down_through_scripts_and_supervisors),
        IN_A_TREE(is_the_shell_where_it_started_nothing),
        IN_A_TREE(is_beside_the_pause_of_a_pod),
        IN_A_TREE(is_never_ourselves),
        IN_A_TREE(says_that_several_are_too_many),
        IN_A_TREE(stands_a_circle_of_parents),
        IN_A_TREE(is_the_configured_pid),
        IN_A_TREE(is_found_by_name),
        IN_A_TREE(is_found_by_pid_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
