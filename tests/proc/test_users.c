#include "proc/users.h"

#include "support.h"

static void known_and_unknown(void **state)
{
    const char *root = user_name(0), *nobody = user_name(3999999999u);
    (void)state;

    assert_string_equal(root, "root");
    assert_string_equal(nobody, "3999999999");
    assert_ptr_equal(user_name(0), root);
    assert_ptr_equal(user_name(3999999999u), nobody);
    assert_string_equal(user_name((uid_t)-1), "4294967295");
}

/* More users than are remembered: all right, and the remembered ones stay where they were. */
static void more_than_are_remembered(void **state)
{
    const char *root = user_name(0);
    char wanted[16];
    (void)state;

    for (unsigned uid = 3000000000u; uid < 3000006000u; uid++) {
        (void)snprintf(wanted, sizeof wanted, "%u", uid);
        assert_string_equal(user_name(uid), wanted);
    }
    for (unsigned uid = 3000000000u; uid < 3000006000u; uid += 7) {
        (void)snprintf(wanted, sizeof wanted, "%u", uid);
        assert_string_equal(user_name(uid), wanted);
    }
    assert_ptr_equal(user_name(0), root);
    assert_string_equal(root, "root");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_and_unknown),
        cmocka_unit_test(more_than_are_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
