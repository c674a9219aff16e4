#include "watch/facts.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *path, const char *runtime)
{
    char text[WATCH_RUNTIME_MAX];

    watch_runtime(path, text);
    assert_string_equal(text, runtime);
}

static void a_program_names_its_runtime(void **state)
{
    (void)state;

    check("/usr/bin/python3.11", "Python 3.11");
    check("/usr/bin/python", "Python");
    check("python3", "Python 3");
    check("/usr/lib/jvm/java-17-openjdk-amd64/bin/java", "Java 17");
    check("/opt/jdk/bin/java", "Java");
    check("/usr/bin/node", "Node");
    check("/usr/share/dotnet/dotnet", ".NET");
    check("/usr/bin/php8.2", "PHP 8.2");
}

static void others_have_none(void **state)
{
    (void)state;

    check("", "");
    check("/", "");
    check("/usr/bin/nodepad", "");
    check("/usr/bin/python3.11-config", "");
    check("/usr/bin/javac", "");
    check("/usr/bin/python1.2.3.4.5.6.7.8.9.10.11", "");
    check("/lib/java-/java", "Java");
}

static void own_facts(void **state)
{
    struct watch_facts facts;
    struct proc_stat stat;
    int fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)state;

    assert_true(fd >= 0);
    assert_int_equal(proc_stat_read(fd, &stat), 0);
    watch_facts_read(fd, &stat, &facts);
    assert_string_equal(facts.name, "test_watch_facts"); /* 16: the kernel cuts the last */
    assert_non_null(strstr(facts.command, "test_watch_facts"));
    assert_int_equal(facts.user, geteuid());
    assert_int_equal(facts.badges & (BADGE_KERNEL | BADGE_DELETED | BADGE_SCM), 0);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_names_its_runtime),
        cmocka_unit_test(others_have_none),
        cmocka_unit_test(own_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
