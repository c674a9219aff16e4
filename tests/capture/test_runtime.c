#include "capture/runtime_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proc/stat.h"

static void check(const char *path, bool is_library, const char *text)
{
    struct runtime runtime;
    char found[RUNTIME_TEXT_MAX];

    runtime_of_path(path, is_library, &runtime);
    runtime_text(&runtime, found);
    assert_string_equal(found, text);
}

static void a_program_names_its_runtime(void **state)
{
    (void)state;

    check("/usr/bin/python3.11", false, "Python 3.11");
    check("/usr/bin/python", false, "Python");
    check("python3", false, "Python 3");
    check("/opt/jdk/bin/java", false, "Java");
    check("/usr/bin/node", false, "Node");
    check("/usr/bin/nodejs", false, "Node");
    check("/usr/share/dotnet/dotnet", false, ".NET");
    check("/usr/sbin/php-fpm8.2", false, "PHP 8.2");
}

static void so_does_a_library(void **state)
{
    (void)state;

    check("/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0", true, "Python 3.11");
    check("/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so", true, "Java");
    check("/usr/lib/x86_64-linux-gnu/libnode.so.115", true, "Node");
    check("/usr/share/dotnet/shared/Microsoft.NETCore.App/10.0.12/libcoreclr.so", true, ".NET");
    check("/usr/lib/x86_64-linux-gnu/libruby-3.1.so.3.1", true, "Ruby 3.1");
}

static void others_have_none(void **state)
{
    (void)state;

    check("", false, "");
    check("/", false, "");
    check("/usr/bin/nodepad", false, "");
    check("/usr/bin/python3.11-config", false, "");
    check("/usr/bin/javac", false, "");
    check("/usr/bin/python1.2.3.4.5.6.7.8.9.10.11", false, "");
    check("/usr/bin/libjvm.so", false, "");
    check("/usr/bin/java", true, "");
    check("/lib/libpython3.11.sox", true, "Python 3.11"); /* as good as a version */
    check("/lib/libpythonish.so", true, "");
}

static void a_version_has_no_more_than_fits(void **state)
{
    char version[RUNTIME_VERSION_MAX];
    (void)state;

    runtime_version_take("1.8.0_392\"\n", 11, version);
    assert_string_equal(version, "1.8.0_392");
    runtime_version_take("<b>", 3, version);
    assert_string_equal(version, "");
    runtime_version_take("1.2", 2, version);
    assert_string_equal(version, "1.");
    runtime_version_take("0123456789012345678901234567890123456789", 40, version);
    assert_string_equal(version, "01234567890123456789012");
}

static int go_version(const void *bytes, size_t size, char version[RUNTIME_VERSION_MAX])
{
    _cleanup_memory_ struct memory *memory = NULL;

    assert_int_equal(memory_bytes_new(0, bytes, size, &memory), 0);
    return runtime_go_version(memory, version);
}

static void what_is_no_program_is_none_of_gos(void **state)
{
    char version[RUNTIME_VERSION_MAX];
    (void)state;

    assert_int_not_equal(go_version("", 0, version), 0);
    assert_int_not_equal(go_version("\x7f"
                                    "ELF",
                                    4, version),
                         0);
}

static void own_runtime(void **state)
{
    int fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct runtime runtime;
    struct proc_stat stat;
    (void)state;

    assert_true(fd >= 0);
    assert_int_equal(proc_stat_read(fd, &stat), 0);
    for (int i = 0; i < 3; i++) { /* found out, and remembered */
        runtime_read(fd, &stat, &runtime);
        assert_int_equal(runtime.kind, RUNTIME_NATIVE);
        assert_string_equal(runtime.version, "");
    }
    assert_true(runtime_recall(stat.pid, stat.start_ticks, stat.name, &runtime));
    assert_int_equal(runtime.kind, RUNTIME_NATIVE);
    assert_false(runtime_recall(stat.pid, stat.start_ticks, "another", &runtime));
    assert_false(runtime_recall(stat.pid, stat.start_ticks + 1, stat.name, &runtime));
    assert_false(runtime_recall(stat.pid + 1, stat.start_ticks, stat.name, &runtime));
    (void)close(fd);
}

/* Its maps are a pipe that nobody writes to. */
static void a_hung_one_is_unknown_until_it_goes_on(void **state)
{
    char path[] = "/tmp/procscope-runtime-XXXXXX";
    int fd, writer;
    const struct proc_stat stat = {.pid = 70000, .start_ticks = 1};
    struct runtime runtime;
    (void)state;

    assert_non_null(mkdtemp(path));
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(symlinkat("/usr/bin/python3.11", fd, "exe"), 0);
    assert_int_equal(mkfifoat(fd, "maps", 0600), 0);
    for (int i = 0; i < 100; i++) { /* the first time it is waited for, and then no more */
        runtime_read(fd, &stat, &runtime);
        assert_int_equal(runtime.kind, RUNTIME_UNKNOWN);
    }
    writer = openat(fd, "maps", O_WRONLY | O_CLOEXEC);
    assert_true(writer >= 0);
    (void)close(writer);
    assert_int_equal(unlinkat(fd, "maps", 0), 0);
    while (runtime.kind == RUNTIME_UNKNOWN)
        runtime_read(fd, &stat, &runtime);
    assert_int_equal(runtime.kind, RUNTIME_PYTHON);
    assert_int_equal(unlinkat(fd, "exe", 0), 0);
    assert_int_equal(rmdir(path), 0);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_names_its_runtime),
        cmocka_unit_test(so_does_a_library),
        cmocka_unit_test(others_have_none),
        cmocka_unit_test(a_version_has_no_more_than_fits),
        cmocka_unit_test(what_is_no_program_is_none_of_gos),
        cmocka_unit_test(own_runtime),
        cmocka_unit_test(a_hung_one_is_unknown_until_it_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
