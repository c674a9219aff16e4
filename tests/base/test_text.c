#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_escaped(const char *text, const char *expected)
{
    _cleanup_buffer_ struct buffer out = {0};
    assert_int_equal(text_escape(text, &out), 0);
    assert_string_equal(buffer_string(&out), expected);
}

static void nothing_reaches_the_terminal(void **state)
{
    (void)state;
    assert_escaped("plain name", "plain name");
    assert_escaped("MACHINE\\user", "MACHINE\\user");
    assert_escaped("a\nb\tc\rd", "a\\nb\\tc\\rd");
    assert_escaped("\033[31mred\033]0;title\a", "\\e[31mred\\e]0;title\\a");
    assert_escaped("\x7f\x01", "\\x7f\\x01");
    assert_escaped("\xc2\x9b"
                   "31m",
                   "\\u{9b}31m"); /* CSI as one character of UTF-8 */
    assert_escaped("a\xe2\x80\xae"
                   "cod.exe",
                   "a\\u{202e}cod.exe");
    assert_escaped("\xff\xfe", "\\xff\\xfe");
    assert_escaped("\xc0\xaf", "\\xc0\\xaf");          /* overlong */
    assert_escaped("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* a surrogate */
    assert_escaped("\xe2\x82", "\\xe2\\x82");          /* cut */
    assert_escaped("żółw 進程 🐢", "żółw 進程 🐢");
    assert_escaped("", "");
}

static void widths_are_those_of_a_terminal(void **state)
{
    (void)state;
    assert_int_equal(text_width("abc"), 3);
    assert_int_equal(text_width("żółw"), 4);
    assert_int_equal(text_width("進程"), 4);
    assert_int_equal(text_width("e\xcc\x81"), 1); /* e and a combining accent */
    assert_int_equal(text_width(""), 0);
}

static void cutting_keeps_characters_whole(void **state)
{
    size_t width = 99;
    (void)state;
    assert_int_equal(text_fit("進程", 3, &width), 3);
    assert_int_equal(width, 2);
    assert_int_equal(text_fit("żółw", 2, &width), 4);
    assert_int_equal(width, 2);
    assert_int_equal(text_fit("ab", 0, &width), 0);
    assert_int_equal(text_fit("ab", 10, &width), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_reaches_the_terminal),
        cmocka_unit_test(widths_are_those_of_a_terminal),
        cmocka_unit_test(cutting_keeps_characters_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
