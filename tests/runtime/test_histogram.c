#include "runtime/hotspot_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void lines_of_classes(void **state)
{
    static const char line[] = "   1:          7300      105191704  [B (java.base@17.0.15)";
    static const char bare[] = "1234:             1             16  Heap$$Lambda$14/0x00007f0001001000";
    struct heap_type type;
    (void)state;

    assert_true(hotspot_histogram_line(line, sizeof line - 1, &type));
    assert_int_equal(type.count, 7300);
    assert_int_equal(type.bytes, 105191704);
    assert_int_equal(type.name_size, 2);
    assert_memory_equal(type.name, "[B", 2);
    assert_int_equal(type.module_size, strlen("java.base@17.0.15"));
    assert_memory_equal(type.module, "java.base@17.0.15", type.module_size);
    assert_true(hotspot_histogram_line(bare, sizeof bare - 1, &type));
    assert_null(type.module);
    assert_int_equal(type.name_size, strlen("Heap$$Lambda$14/0x00007f0001001000"));
}

static void other_lines(void **state)
{
    static const char *const lines[] = {"",
                                        " num     #instances         #bytes  class name (module)",
                                        "-------------------------------------------------------",
                                        "Total         24645      105945880",
                                        "   1:",
                                        "   1: 2",
                                        "   1: 2 3",
                                        "   1: 2 3 ",
                                        "   1: 99999999999999999999999 3 [B",
                                        "   x: 2 3 [B"};
    struct heap_type type;
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(lines); i++)
        assert_false(hotspot_histogram_line(lines[i], strlen(lines[i]), &type));
}

static void check(const char *name, const char *wanted)
{
    char text[64];

    hotspot_class_name(name, strlen(name), text, sizeof text);
    assert_string_equal(text, wanted);
}

static void names_as_java_writes_them(void **state)
{
    char text[8];
    (void)state;

    check("java.lang.String", "java.lang.String");
    check("[B", "byte[]");
    check("[[J", "long[][]");
    check("[[Ljava.lang.String;", "java.lang.String[][]");
    check("[", "[");
    check("[L;", "[L;");
    check("[X", "[X");
    check("", "");
    hotspot_class_name("[[[[Z", 5, text, sizeof text);
    assert_string_equal(text, "boolean");
    hotspot_class_name("[[[[I", 5, text, sizeof text);
    assert_string_equal(text, "int[][]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_classes),
        cmocka_unit_test(other_lines),
        cmocka_unit_test(names_as_java_writes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
