/* Whatever a path says, what is unpacked stays below. */
#include "ops/dump_zip_name.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void names(void **state)
{
    static const char *const known[][2] = {
        {"/usr/lib/libc.so.6", "/usr/lib/libc.so.6"},
        {"/a/../../../etc/passwd", "/etc/passwd"},
        {"/..", ""},
        {"/../..", ""},
        {"/opt/app/bin/../lib/./x.so", "/opt/app/lib/x.so"},
        {"//a///b/", "/a/b"},
        {"/a/...", "/a/..%2E"},
        {"/a./b ", "/a%2E/b%20"},
        {"/.a/. b", "/.a/. b"},
        {"/a\nb\x1b\x7f", "/a%0Ab%1B%7F"},
        {"/C:\\x\\..\\y", "/C%3A%5Cx%5C..%5Cy"},
        {"/50%2E/%", "/50%252E/%25"},
        {"/*?\"<>|", "/%2A%3F%22%3C%3E%7C"},
        {"/\xff\xfe/\xc3\xa4", "/%FF%FE/\xc3\xa4"},
        {"/\xc0\xae\xc0\xae/x", "/%C0%AE%C0%AE/x"}, /* an overlong ".." */
        {"/\xe2\x80\xae/\xc2\x9b", "/%E2%80%AE/%C2%9B"},
        {"/nul/Con.txt/COM1/com/console/lpt9.so", "/%6Eul/%43on.txt/%43OM1/com/console/%6Cpt9.so"},
    };

    (void)state;
    for (size_t i = 0; i < ELEMENTS_OF(known); i++) {
        _cleanup_buffer_ struct buffer name = BUFFER_INIT(0);

        assert_int_equal(buffer_append_string(&name, "sysroot"), 0);
        assert_int_equal(dump_zip_name(known[i][0], &name), 0);
        assert_int_equal(strncmp(buffer_string(&name), "sysroot", 7), 0);
        assert_string_equal(buffer_string(&name) + 7, known[i][1]);
    }
}

/* Of all bytes in all places: parts that are no ".", no "..", not empty, and no byte that means something. */
static void any_bytes(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        static const char wanted[] = "/../.\\: %a\xff\xc3\xa4\n";
        _cleanup_buffer_ struct buffer name = BUFFER_INIT(0);
        char path[16] = "/";

        for (size_t at = 1; at + 1 < sizeof path; at++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            path[at] = seed >> 63 ? wanted[(seed >> 40) % (sizeof wanted - 1)] : (char)(seed >> 50);
        }
        assert_int_equal(dump_zip_name(path, &name), 0);
        for (const char *part = buffer_string(&name); *part;) {
            size_t size = strcspn(part + 1, "/");
            assert_true(part[0] == '/' && size > 0);
            assert_true(part[size] != '.' && part[size] != ' ');
            part += 1 + size;
        }
        assert_int_equal(strcspn(buffer_string(&name), "\\:\n"), name.size);
    }
}

static void too_long(void **state)
{
    _cleanup_buffer_ struct buffer name = BUFFER_INIT(10);

    (void)state;
    assert_int_equal(dump_zip_name("/\xff\xff\xff\xff", &name), -ENOBUFS);
}

static void build_ids(void **state)
{
    static const uint8_t id[] = {0xab, 0x0d, 0xef};
    _cleanup_buffer_ struct buffer name = BUFFER_INIT(0);

    (void)state;
    assert_int_equal(dump_zip_build_id_name(id, sizeof id, &name), 0);
    assert_string_equal(buffer_string(&name), ".build-id/ab/0def");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(any_bytes),
        cmocka_unit_test(too_long),
        cmocka_unit_test(build_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
