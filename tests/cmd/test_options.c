#include "cmd/exit_code.h"
#include "cmd/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS_MAX = 16 };

static int parse(const char *line, const struct verb *verb, struct invocation *invocation)
{
    static char copy[256];
    char *argv[WORDS_MAX + 1] = {0};
    int argc = 0;
    (void)snprintf(copy, sizeof copy, "%s", line); /* ours: it fits */
    for (char *word = copy; word && argc < WORDS_MAX;) {
        argv[argc++] = word;
        word = strchr(word, ' ');
        if (word)
            *word++ = '\0';
    }
    *invocation = (struct invocation){.verb = verb};
    return options_of_verb(argc, argv, invocation);
}

static void options_and_arguments_mix(void **state)
{
    struct invocation invocation;
    (void)state;
    assert_int_equal(parse("dump -o a 42 --type=2 --url http://x --json", &verb_dump, &invocation), 0);
    assert_string_equal(invocation_argument(&invocation, 0), "42");
    assert_null(invocation_argument(&invocation, 1));
    assert_string_equal(invocation_option(&invocation, 'o'), "a");
    assert_string_equal(invocation_option(&invocation, 't'), "2");
    assert_string_equal(invocation_option(&invocation, OPTION_URL), "http://x");
    assert_string_equal(invocation_option(&invocation, OPTION_JSON), "");
    assert_null(invocation_option(&invocation, OPTION_COLOR));
}

static void the_last_of_an_option_counts(void **state)
{
    struct invocation invocation;
    (void)state;
    assert_int_equal(parse("dump 42 -o a -o b", &verb_dump, &invocation), 0);
    assert_string_equal(invocation_option(&invocation, 'o'), "b");
}

static void minus_one_is_the_main_process(void **state)
{
    struct invocation invocation;
    (void)state;
    assert_int_equal(parse("show -1", &verb_show, &invocation), 0);
    assert_string_equal(invocation_argument(&invocation, 0), "main");
}

static void after_two_dashes_nothing_is_an_option(void **state)
{
    struct invocation invocation;
    (void)state;
    assert_int_equal(parse("show -- -x", &verb_show, &invocation), 0);
    assert_string_equal(invocation_argument(&invocation, 0), "-x");
}

static void wrong_lines_are_refused(void **state)
{
    struct invocation invocation;
    (void)state;
    assert_int_equal(parse("show", &verb_show, &invocation), EXIT_USAGE);
    assert_int_equal(parse("show 1 2", &verb_show, &invocation), EXIT_USAGE);
    assert_int_equal(parse("show 1 -y", &verb_show, &invocation), EXIT_USAGE);
    assert_int_equal(parse("show 1 --nonsense", &verb_show, &invocation), EXIT_USAGE);
    assert_int_equal(parse("show 1 --url", &verb_show, &invocation), EXIT_USAGE);
    assert_int_equal(parse("show 1 --json=yes", &verb_show, &invocation), EXIT_USAGE);
    assert_int_equal(parse("ps 1", &verb_ps, &invocation), EXIT_USAGE);
}

static void no_letter_or_name_means_two_things(void **state)
{
    (void)state;
    for (const struct verb *const *verb = verbs; *verb; verb++) {
        if ((*verb)->run_raw)
            continue;
        assert_non_null((*verb)->examples);
        assert_non_null((*verb)->description);
        for (const struct command_option *own = (*verb)->options; own && own->name; own++) {
            for (const struct command_option *common = common_options; common->name; common++) {
                assert_int_not_equal(own->letter, common->letter);
                assert_string_not_equal(own->name, common->name);
            }
            for (const struct command_option *other = own + 1; other->name; other++) {
                assert_int_not_equal(own->letter, other->letter);
                assert_string_not_equal(own->name, other->name);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_arguments_mix),
        cmocka_unit_test(the_last_of_an_option_counts),
        cmocka_unit_test(minus_one_is_the_main_process),
        cmocka_unit_test(after_two_dashes_nothing_is_an_option),
        cmocka_unit_test(wrong_lines_are_refused),
        cmocka_unit_test(no_letter_or_name_means_two_things),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
