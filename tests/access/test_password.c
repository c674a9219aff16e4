/* How many hashes a guess costs is the same for every name. crypt_r() is the test's own here, which counts.
 */
#include "access/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <crypt.h>
#include <errno.h>
#include <string.h>

static char seen[32][32]; /* how each hash was made */
static size_t seen_count;

/* The password is right where it ends the hash. */
char *crypt_r(const char *phrase, const char *setting, struct crypt_data *data)
{
    size_t size = strlen(setting), phrase_size = strlen(phrase);

    assert_true(seen_count < 32);
    (void)snprintf(seen[seen_count++], sizeof seen[0], "%.12s", setting); /* cut: enough to tell them apart */
    (void)snprintf(data->output, sizeof data->output, "%s",
                   size >= phrase_size && strcmp(setting + size - phrase_size, phrase) == 0 ? setting : "*0");
    return data->output;
}

#define YESCRYPT(end) "$y$j9T$abcdefghijklmnopqrstuv$0123456789012345678901234567890123456789" end
#define SHA512(end) "$6$abcdefgh$0123456789012345678901234567890123456789" end

static void read_list(struct password_list *list, const char *text, int wanted)
{
    _cleanup_free_ char *copy = strdup(text);
    struct error error = {0};

    assert_non_null(copy);
    if (password_list_parse(list, "FILE", copy, &error) != wanted)
        fail_msg("%s", error.text);
}

static size_t cost_of(const struct password_list *list, const char *name, const char *password, int wanted)
{
    struct principal principal;

    seen_count = 0;
    assert_int_equal(password_list_check(list, name, password, &principal), wanted);
    for (size_t i = 0; i < seen_count; i++) /* one of each kind */
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(strncmp(seen[i], seen[k], 12), 0);
    return seen_count;
}

static void every_name_costs_the_same(void **state)
{
    _cleanup_password_list_ struct password_list list = {0};
    (void)state;

    read_list(&list,
              "ann:reader:" YESCRYPT("one") "\nbob:reader:" SHA512(
                  "two") "\n"
                         "cat:reader:$6$rounds=9000$abcdefgh$0123456789012345678901234567890123456789three\n"
                         "dan:admin:" YESCRYPT(
                             "four") "\neva:admin:$2b$12$abcdefghijklmnopqrstuv0123456789012345678901five\n"
                                     "flo:admin:$2b$10$abcdefghijklmnopqrstuv01234567890123456789012six\n"
                                     "gus:admin:$7$CU..../"
                                     "....abcdefgh$01234567890123456789012345678901234567seven\n",
              0);
    assert_int_equal(list.class_count, 6);
    assert_int_equal(cost_of(&list, "ann", "one", 0), 6);
    assert_int_equal(cost_of(&list, "ann", "four", -ENOENT), 6); /* another's, of its own kind */
    assert_int_equal(cost_of(&list, "bob", "one", -ENOENT), 6);
    assert_int_equal(cost_of(&list, "cat", "three", 0), 6);
    assert_int_equal(cost_of(&list, "cat", "two", -ENOENT), 6);
    assert_int_equal(cost_of(&list, "dan", "four", 0), 6);
    assert_int_equal(cost_of(&list, "dan", "one", -ENOENT), 6);
    assert_int_equal(cost_of(&list, "eva", "five", 0), 6);
    assert_int_equal(cost_of(&list, "flo", "six", 0), 6);
    assert_int_equal(cost_of(&list, "gus", "seven", 0), 6);
    assert_int_equal(cost_of(&list, "nobody", "one", -ENOENT), 6);
    assert_int_equal(cost_of(&list, "", "one", -ENOENT), 6);
}

static void of_one_kind_it_is_one(void **state)
{
    _cleanup_password_list_ struct password_list list = {0};
    (void)state;

    read_list(&list, "ann:reader:" YESCRYPT("one") "\nbob:reader:" YESCRYPT("two") "\n", 0);
    assert_int_equal(cost_of(&list, "bob", "two", 0), 1);
    assert_int_equal(cost_of(&list, "bob", "one", -ENOENT), 1);
    assert_int_equal(cost_of(&list, "nobody", "one", -ENOENT), 1);
}

static void too_many_kinds_are_refused(void **state)
{
    _cleanup_password_list_ struct password_list list = {0};
    char text[4096] = "";
    (void)state;

    for (int i = 0; i <= PASSWORD_CLASSES_MAX; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text),
                       "n%d:reader:$6$rounds=%d$abcdefgh$0123456789012345678901234567890123456789\n", i,
                       5000 + i);
    read_list(&list, text, -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_costs_the_same),
        cmocka_unit_test(of_one_kind_it_is_one),
        cmocka_unit_test(too_many_kinds_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
