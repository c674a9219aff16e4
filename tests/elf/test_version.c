#include "base/cleanup.h"
#include "elf/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void finds_versions(void **state)
{
    static const struct {
        const char *soname, *file, *version;
    } cases[] = {
        {"libc.so.6", "/lib/x86_64-linux-gnu/libc.so.6", "6"},
        {"libz.so.1", "/usr/lib/libz.so.1.2.13", "1.2.13"},
        {"libz.so.1", "/usr/lib/libz.so", "1"},
        {"libc.so.6", "/lib/libc-2.36.so", "2.36"},
        {"", "libfoo-1.2.so", "1.2"},
        {"libfoo.so.1.2.3", "libfoo.so.2", "1.2.3"},
        {"libssl.so.1.0.0k", "libssl.so.1.0.0k", "1.0.0k"},
        {"ld-linux-x86-64.so.2", "/lib64/ld-linux-x86-64.so.2", "2"},
        {"libglib-2.0.so.0", "libglib-2.0.so.0.7400.6", "0.7400.6"},
        {"libopcodes-2.40-system.so", "libopcodes-2.40-system.so", "2.40"},
        {"libstdc++.so.6", "libstdc++.so.6.0.30", "6.0.30"},
        {"", "/usr/lib/python3/_bz2.cpython-311-x86_64-linux-gnu.so", ""},
        {"", "x.cpython-311.so", ""},
        {"libjvm.so", "/usr/lib/jvm/java-17/libjvm.so", ""},
        {"", "/usr/bin/python3.11", ""},
        {"linux-vdso.so.1", "[vdso]", "1"},
        {"", "libfoo.so.1.2.3.dpkg-new", "1.2.3"},
        {"", "libfoo.so.", ""},
        {"", "libfoo.so.1.", "1"},
        {"", "libfoo.so.x.so.4.5", "4.5"},
        {"", "lib-1.2.3/libfoo.so", ""},
        {"", "libfoo-1..so", ""},
        {"", "", ""},
        {"", "/", ""},
    };
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
        char version[64] = "untouched";
        elf_version_of(cases[i].soname, cases[i].file, version, sizeof version);
        if (strcmp(version, cases[i].version) != 0)
            fail_msg("%s %s: \"%s\", not \"%s\"", cases[i].soname, cases[i].file, version, cases[i].version);
    }
}

static void leaves_out_what_does_not_fit(void **state)
{
    char version[4] = "xyz";
    (void)state;

    elf_version_of("", "libfoo.so.1.2.3", version, sizeof version);
    assert_string_equal(version, "");
    elf_version_of("", "libfoo.so.1.2", version, sizeof version);
    assert_string_equal(version, "1.2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_versions),
                                       cmocka_unit_test(leaves_out_what_does_not_fit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
