#include "base/guid.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t bytes[GUID_SIZE] = {0x7b, 0x03, 0xfa, 0x5a, 0x88, 0xef, 0x46, 0x30,
                                         0x89, 0x9d, 0x41, 0x8b, 0xc0, 0xa3, 0xeb, 0x76};

static void text_and_bytes_are_the_same(void **state)
{
    char text[GUID_TEXT_SIZE];
    uint8_t back[GUID_SIZE];
    (void)state;

    guid_text(bytes, text);
    assert_string_equal(text, "7b03fa5a-88ef-4630-899d-418bc0a3eb76");
    assert_int_equal(guid_parse(text, back), 0);
    assert_memory_equal(back, bytes, GUID_SIZE);
    assert_int_equal(guid_parse("7B03FA5A-88EF-4630-899D-418BC0A3EB76", back), 0);
    assert_memory_equal(back, bytes, GUID_SIZE);
    guid_text_dotnet(bytes, text);
    assert_string_equal(text, "5afa037b-ef88-3046-899d-418bc0a3eb76");
}

static void anything_else_is_refused(void **state)
{
    static const char *const wrong[] = {"",
                                        "7b03fa5a88ef4630899d418bc0a3eb76",
                                        "{7b03fa5a-88ef-4630-899d-418bc0a3eb76}",
                                        "7b03fa5a-88ef-4630-899d-418bc0a3eb7",
                                        "7b03fa5a-88ef-4630-899d-418bc0a3eb7g",
                                        "7b03fa5-a88ef-4630-899d-418bc0a3eb76",
                                        "7b03fa5a-88ef-4630-899d--18bc0a3eb76",
                                        "7b03fa5a-88ef-4630-899d-418bc0a3eb\xc3\xa4"};
    uint8_t back[GUID_SIZE];
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(wrong); i++)
        assert_int_equal(guid_parse(wrong[i], back), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_bytes_are_the_same),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
