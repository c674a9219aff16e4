/* The expected names are those of c++filt (binutils) and rustfilt. */
#include "base/buffer.h"
#include "base/limits.h"
#include "unwind/demangle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static void reads_both_languages(void **state)
{
    static const struct {
        const char *mangled, *name;
    } cases[] = {
        {"_Z4workILi3EEvRKSt6vectorIiSaIiEE", "void work<3>(std::vector<int, std::allocator<int> > const&)"},
        {"_ZN5outer5inner6Worker3runEv", "outer::inner::Worker::run()"},
        {"_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()() const"},
        {"_ZL6staticv.part.0", "static() [clone .part.0]"},
        /* Rust, legacy: the hash goes */
        {"_ZN4core3fmt9Formatter9write_str17h0123456789abcdefE", "core::fmt::Formatter::write_str"},
        {"_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$"
         "3bar17h930b740aa94f1d3aE",
         "<Test + 'static as foo::Bar<Test>>::bar"},
        /* C++ that only looks like it */
        {"_ZN3foo17hello_this_is_it_3barEv", "foo::hello_this_is_it_::bar()"},
        /* Rust, v0 */
        {"_RNvNtNtCs1234_7mycrate3foo3bar3baz", "mycrate::foo::bar::baz"},
        {"_RINvNtC3std3mem8align_ofjdE", "std::mem::align_of::<usize, f64>"},
    };
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(cases); i++) {
        _cleanup_free_ char *name = demangle(cases[i].mangled);

        assert_non_null(name);
        assert_string_equal(name, cases[i].name);
    }
}

static void leaves_other_names_alone(void **state)
{
    static const char *const names[] = {"",       "main",   "_",      "_Z",      "_R",
                                        "_Zzzzz", "_start", "printf", "ZN3fooE", "_RNv"};
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(names); i++)
        assert_null(demangle(names[i]));
}

/* Each argument is a pair of two of the one before: the last would take 2 to the power of 36 words. */
static void is_bounded_in_output(void **state)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    _cleanup_buffer_ struct buffer name = {0};
    (void)state;

    assert_int_equal(buffer_append_string(&name, "_Z1fSt4pairIiiE"), 0);
    for (size_t i = 0; i + 1 < sizeof digits; i++) {
        _cleanup_free_ char *text = NULL;

        assert_int_equal(buffer_append_format(&name, "S_IS%c_S%c_E", digits[i], digits[i]), 0);
        text = demangle(name.data);
        if (i < 4)
            assert_non_null(text); /* it is meant as it is read */
        if (i > 16)
            assert_null(text);
    }
}

static void is_bounded_in_input(void **state)
{
    static char name[LIMIT_MANGLED_NAME + 2];
    (void)state;

    for (size_t i = 0; i < sizeof name - 1; i++)
        name[i] = i < 3 ? "_Z1"[i] : 'P';
    assert_null(demangle(name)); /* too long */
    memset(name + 4, 'P', sizeof name - 5);
    name[3] = 'f';
    name[LIMIT_MANGLED_NAME] = '\0';
    name[LIMIT_MANGLED_NAME - 1] = 'i';
    {
        _cleanup_free_ char *text = demangle(name); /* pointers, thousands of levels deep */
        assert_true(!text || strlen(text) <= LIMIT_NAME);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_both_languages),
        cmocka_unit_test(leaves_other_names_alone),
        cmocka_unit_test(is_bounded_in_output),
        cmocka_unit_test(is_bounded_in_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
