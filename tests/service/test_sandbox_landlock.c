/* Files, addresses and signals that Landlock closes, as far as this kernel has it. */
#include "service/sandbox_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "service/closed_child.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static long landlock_version(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static bool can_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd >= 0)
        (void)close(fd);
    return fd >= 0;
}

/* A port that nobody listens at: ECONNREFUSED, unless it is not even tried. */
static bool may_connect(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool may = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == ECONNREFUSED;

    (void)close(fd);
    return may;
}

static int try_no_files(const void *argument)
{
    int kept = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    long version = landlock_version();
    struct error error = {0};
    char byte;

    (void)argument;
    CHILD_EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && kept >= 0 && may_connect());
    CHILD_EXPECT(sandbox_landlock(FILES_NONE, &error) == 0);
    CHILD_EXPECT(read(kept, &byte, 1) == 1); /* what is open stays so */
    CHILD_EXPECT(!can_open("/etc/passwd", O_RDONLY) && errno == EACCES);
    CHILD_EXPECT(!can_open("/proc/self/stat", O_RDONLY) && errno == EACCES);
    CHILD_EXPECT(!can_open("/tmp", O_TMPFILE | O_WRONLY) && errno == EACCES);
    CHILD_EXPECT(version < 4 || !may_connect());
    CHILD_EXPECT(version < 6 || (kill(getppid(), 0) < 0 && errno == EPERM));
    CHILD_EXPECT(kill(getpid(), 0) == 0);
    return 0;
}

static int try_network_files(const void *argument)
{
    struct error error = {0};

    (void)argument;
    CHILD_EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHILD_EXPECT(sandbox_landlock(FILES_OF_NETWORKS, &error) == 0);
    CHILD_EXPECT(can_open("/etc/passwd", O_RDONLY));
    CHILD_EXPECT(can_open("/etc/resolv.conf", O_RDONLY) || errno == ENOENT);
    CHILD_EXPECT(can_open("/usr", O_RDONLY | O_DIRECTORY));
    CHILD_EXPECT(may_connect());
    CHILD_EXPECT(!can_open("/etc/passwd", O_WRONLY) && errno == EACCES);
    CHILD_EXPECT(!can_open("/proc/self/stat", O_RDONLY) && errno == EACCES);
    CHILD_EXPECT(!can_open("/tmp", O_RDONLY | O_DIRECTORY) && errno == EACCES);
    return 0;
}

static int try_one_folder(const void *argument)
{
    const char *folder = argument;
    char path[64], other[64];
    struct error error = {0};

    (void)snprintf(path, sizeof path, "%s/a", folder);
    (void)snprintf(other, sizeof other, "%s/b", folder);
    CHILD_EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHILD_EXPECT(sandbox_landlock_write(folder, &error) == 0);
    CHILD_EXPECT(can_open(path, O_WRONLY | O_CREAT | O_EXCL));
    CHILD_EXPECT(rename(path, other) == 0 && unlink(other) == 0);
    CHILD_EXPECT(mkdir(path, 0700) == 0 && rmdir(path) == 0);
    CHILD_EXPECT(can_open("/etc/passwd", O_RDONLY) && may_connect());
    CHILD_EXPECT(!can_open("/tmp", O_TMPFILE | O_WRONLY) && errno == EACCES);
    CHILD_EXPECT(!can_open("/etc/passwd", O_WRONLY) && errno == EACCES);
    CHILD_EXPECT(rmdir(folder) == 0);
    return 0;
}

static void files_are_closed_by_landlock(void **state)
{
    char folder[] = "/tmp/procscope-test-sandbox-XXXXXX";
    (void)state;

    if (landlock_version() <= 0)
        skip(); /* this kernel has none */
    assert_int_equal(in_a_child(try_no_files, NULL), 0);
    assert_int_equal(in_a_child(try_network_files, NULL), 0);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(in_a_child(try_one_folder, folder), 0);
    assert_true(access(folder, F_OK) < 0 && errno == ENOENT);
}

/* As on a kernel without it: the filter in front of it says so. */
static int try_without_landlock(const void *argument)
{
    struct error error = {0};

    (void)argument;
    CHILD_EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHILD_EXPECT(sandbox_filter(POWER_LOOP | POWER_CONNECT, &error) == 0 && landlock_version() < 0);
    CHILD_EXPECT(sandbox_landlock(FILES_NONE, &error) == 0);
    CHILD_EXPECT(can_open("/etc/passwd", O_RDONLY));
    return 0;
}

static void without_landlock_the_filter_stands_alone(void **state)
{
    (void)state;
    assert_int_equal(in_a_child(try_without_landlock, NULL), 0);
}

static int set_up(void **state)
{
    (void)state;
    return share();
}

static int tear_down(void **state)
{
    (void)state;
    return munmap(shared, sizeof *shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_closed_by_landlock),
        cmocka_unit_test(without_landlock_the_filter_stands_alone),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
