#include "watch/facts.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

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
    assert_string_equal(facts.runtime, "native");
    assert_int_equal(facts.user, geteuid());
    assert_int_equal(facts.badges & (BADGE_KERNEL | BADGE_DELETED | BADGE_SCM), 0);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
