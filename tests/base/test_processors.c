/* Quotas of made-up cgroups, as the kernel's cgroup-v2 document writes them. */
#include "base/processors.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char folder[] = "/tmp/procscope-processors-XXXXXX";

static void put(int root, const char *name, const char *text)
{
    int fd = openat(root, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

static void tightest_quota_counts(void **state)
{
    _cleanup_close_ int root = -1;

    (void)state;
    assert_non_null(mkdtemp(folder));
    root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(root, "a", 0700), 0);
    assert_int_equal(mkdirat(root, "a/b", 0700), 0);

    assert_int_equal(processors_of_quota("0::/a/b\n", root), 0);
    put(root, "a/b/cpu.max", "max 100000\n");
    assert_int_equal(processors_of_quota("0::/a/b\n", root), 0);
    put(root, "a/cpu.max", "350000 100000\n");
    assert_int_equal(processors_of_quota("9:cpu:/x\n0::/a/b\n", root), 4);
    put(root, "a/b/cpu.max", "50000 100000\n");
    assert_int_equal(processors_of_quota("0::/a/b\n", root), 1);
    assert_int_equal(processors_of_quota("0::/a\n", root), 4);
    assert_int_equal(processors_of_quota("0::/\n", root), 0);
    put(root, "cpu.max", "200000 100000\n"); /* the root that a container sees */
    assert_int_equal(processors_of_quota("0::/\n", root), 2);
    assert_int_equal(processors_of_quota("0::/a\n", root), 2);
    put(root, "cpu.max", "100000 0\n");
    assert_int_equal(processors_of_quota("0::/\n", root), 0);
    put(root, "cpu.max", "nonsense");
    assert_int_equal(processors_of_quota("0::/\n", root), 0);
    assert_int_equal(processors_of_quota("1:cpu:/\n", root), 0);
    assert_int_equal(processors_of_quota("", root), 0);

    assert_int_equal(unlinkat(root, "cpu.max", 0), 0);
    assert_int_equal(unlinkat(root, "a/cpu.max", 0), 0);
    assert_int_equal(unlinkat(root, "a/b/cpu.max", 0), 0);
    assert_int_equal(unlinkat(root, "a/b", AT_REMOVEDIR), 0);
    assert_int_equal(unlinkat(root, "a", AT_REMOVEDIR), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void affinity_counts(void **state)
{
    cpu_set_t before, one;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_in_range(processors_available(), 1, (unsigned)CPU_COUNT(&before));
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &before))
            CPU_SET(i, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(processors_available(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tightest_quota_counts),
        cmocka_unit_test(affinity_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
