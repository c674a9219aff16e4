#include "base/cleanup.h"
#include "capture/memory_kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void tells_kinds_apart(void **state)
{
    static const struct {
        const char *path;
        unsigned permissions;
        enum memory_kind kind;
    } cases[] = {
        {"[heap]", MAP_READ | MAP_WRITE, MEMORY_HEAP},
        {"[stack]", MAP_READ | MAP_WRITE, MEMORY_STACK},
        {"", MAP_READ | MAP_WRITE, MEMORY_ANONYMOUS},
        {"", 0, MEMORY_ANONYMOUS},
        {"[anon:jit]", MAP_READ | MAP_EXECUTE, MEMORY_ANONYMOUS},
        {"[anon_shmem:cache]", MAP_READ | MAP_IS_SHARED, MEMORY_SHARED},
        {"/usr/lib/libc.so.6", MAP_READ | MAP_EXECUTE, MEMORY_CODE},
        {"/usr/lib/libc.so.6", MAP_READ | MAP_WRITE, MEMORY_DATA},
        {"/usr/lib/libc.so.6", MAP_READ, MEMORY_FILE},
        {"/var/lib/db", MAP_READ | MAP_WRITE | MAP_IS_SHARED, MEMORY_FILE},
        {"/memfd:frames", MAP_READ | MAP_WRITE | MAP_IS_SHARED, MEMORY_SHARED},
        {"/dev/shm/queue", MAP_READ | MAP_WRITE | MAP_IS_SHARED, MEMORY_SHARED},
        {"/SYSV00000000", MAP_READ | MAP_WRITE | MAP_IS_SHARED, MEMORY_SHARED},
        {"anon_inode:[io_uring]", MAP_READ | MAP_IS_SHARED, MEMORY_SHARED},
        {"[vdso]", MAP_READ | MAP_EXECUTE, MEMORY_KERNEL},
        {"[vvar]", MAP_READ, MEMORY_KERNEL},
    };

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
        const struct map map = {.path = cases[i].path, .permissions = cases[i].permissions};

        if (memory_kind_of(&map) != cases[i].kind)
            fail_msg("%zu: '%s' is %s", i, cases[i].path, memory_kind_word(memory_kind_of(&map)));
    }
}

static void add(struct memory_kinds *kinds, const char *path, bool deleted, uint64_t pss)
{
    const struct map map = {.path = path, .deleted = deleted, .permissions = MAP_READ | MAP_EXECUTE};
    const struct memory_use use = {.size = 4096, .rss = pss, .pss = pss};

    assert_int_equal(memory_kinds_add(kinds, &map, &use), 0);
}

static void sums_by_kind_and_name(void **state)
{
    _cleanup_memory_kinds_ struct memory_kinds kinds = {0};

    (void)state;
    add(&kinds, "/lib/a", false, 10);
    add(&kinds, "/lib/b", false, 100);
    add(&kinds, "/lib/a", false, 20);
    add(&kinds, "/lib/a", true, 5);
    add(&kinds, "[heap]", false, 1000);
    assert_int_equal(memory_kinds_finish(&kinds), 0);
    assert_int_equal(kinds.count, 4);
    assert_string_equal(kinds.items[0].name, "[heap]");
    assert_string_equal(kinds.items[1].name, "/lib/b");
    assert_string_equal(kinds.items[2].name, "/lib/a");
    assert_int_equal(kinds.items[2].use.pss, 30);
    assert_int_equal(kinds.items[2].mappings, 2);
    assert_true(kinds.items[3].deleted); /* the old file of that name is not the new one */
    assert_int_equal(kinds.kinds[MEMORY_CODE].mappings, 4);
    assert_int_equal(kinds.kinds[MEMORY_CODE].use.pss, 135);
    assert_int_equal(kinds.total.use.pss, 1135);
}

static void takes_many_names(void **state)
{
    _cleanup_memory_kinds_ struct memory_kinds kinds = {0};
    char path[32];

    (void)state;
    for (unsigned i = 0; i < 60000; i++) {
        (void)snprintf(path, sizeof path, "/lib/%u", i % 30000); /* fits */
        add(&kinds, path, false, i % 30000);
    }
    assert_int_equal(memory_kinds_finish(&kinds), 0);
    assert_int_equal(kinds.count, 30000);
    assert_string_equal(kinds.items[0].name, "/lib/29999");
    assert_int_equal(kinds.items[0].use.pss, 2 * 29999);
}

static void is_released_half_way(void **state)
{
    struct memory_kinds kinds = {0};

    (void)state;
    add(&kinds, "/lib/a", false, 1);
    add(&kinds, "/lib/b", false, 1);
    memory_kinds_release(&kinds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_kinds_apart),
        cmocka_unit_test(sums_by_kind_and_name),
        cmocka_unit_test(takes_many_names),
        cmocka_unit_test(is_released_half_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
