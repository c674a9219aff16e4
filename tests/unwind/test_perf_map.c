#include "unwind/perf_map.h"

#include <string.h>

#include <setjmp.h> /* cmocka.h needs it before itself */
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const char *name_at(const struct perf_map *map, uint64_t address)
{
    static char text[128];
    const char *name;
    uint64_t offset;

    if (!perf_map_find(map, address, &name, &offset))
        return "none";
    (void)snprintf(text, sizeof text, "%s+%u", name, (unsigned)offset); /* names here fit */
    return text;
}

static void test_entries(void **state)
{
    static const char text[] = "1000 10 LazyCompile:~f file.js:1\n"
                               "1000 20 LazyCompile:*f file.js:1\n" /* the same, made anew */
                               "no entry\n\n2000\n3000 0 empty\n4000 x bad\n"
                               "ffffffffffffffff 10 past the end\n"
                               "5000 100 outer\n"
                               "5010 10 inner\n"
                               "0x0000000000007000 0x00000010 java.lang.Thread::run\n"
                               "6000 8 cut";
    struct perf_map *map = perf_map_parse(text, sizeof text - 1);

    (void)state;
    assert_non_null(map);
    assert_string_equal(name_at(map, 0xfff), "none");
    assert_string_equal(name_at(map, 0x1000), "LazyCompile:*f file.js:1+0");
    assert_string_equal(name_at(map, 0x101f), "LazyCompile:*f file.js:1+31");
    assert_string_equal(name_at(map, 0x1020), "none");
    assert_string_equal(name_at(map, 0x5015), "inner+5");
    assert_string_equal(name_at(map, 0x5020), "outer+32");
    assert_string_equal(name_at(map, 0x7001), "java.lang.Thread::run+1");
    assert_string_equal(name_at(map, 0x3000), "none");
    assert_string_equal(name_at(map, 0x6000), "none");
    assert_string_equal(name_at(map, UINT64_MAX), "none");
    perf_map_free(map);
    assert_null(perf_map_parse("", 0));
    assert_null(perf_map_parse("nothing\n", 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_entries)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
