/* How long it takes to check a credential says nothing of the secret that it is compared with. Under
 * valgrind, which is told that the secret's bytes are undefined: it then counts each branch that is taken,
 * and each address that is made, by them. One branch there must be: the verdict's. Without valgrind there is
 * nothing to see, and it is skipped. */
#include "access/credential.h"
#include "access/token.h"
#include "service/known.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <valgrind/memcheck.h>

enum { NOW = 100 };

/* Branches taken by undefined bytes since before. */
static unsigned long branches_since(unsigned long before)
{
    return VALGRIND_COUNT_ERRORS - before;
}

static void branches_are_seen(void **state)
{
    uint8_t secret[32] = {1}, guess[32] = {1};
    volatile size_t same = 0;
    unsigned long before = VALGRIND_COUNT_ERRORS;
    (void)state;

    if (!RUNNING_ON_VALGRIND)
        skip();
    (void)VALGRIND_MAKE_MEM_UNDEFINED(secret, sizeof secret);
    for (size_t i = 0; i < sizeof secret && secret[i] == guess[i]; i++) /* as memcmp would */
        same++;
    assert_true(branches_since(before) >= same);
    assert_int_equal(same, sizeof secret);
}

static void check_token(const struct token_list *list, const char *text, int wanted)
{
    struct principal principal;
    unsigned long before = VALGRIND_COUNT_ERRORS;
    int r = token_list_check(list, text, NOW, &principal);

    (void)VALGRIND_MAKE_MEM_DEFINED(&r, sizeof r);
    assert_int_equal(r, wanted);
    assert_int_equal(branches_since(before), 1);
}

static void a_token_is_compared_without_branches(void **state)
{
    _cleanup_token_list_ struct token_list list = {0};
    char right[TOKEN_TEXT_SIZE], first_wrong[TOKEN_TEXT_SIZE], last_wrong[TOKEN_TEXT_SIZE];
    size_t secret = strlen(TOKEN_PREFIX) + TOKEN_ID_SIZE;
    (void)state;

    if (!RUNNING_ON_VALGRIND)
        skip();
    assert_int_equal(token_list_add(&list, "ci", ROLE_READER, 1, 0, right, NULL), 0);
    memcpy(first_wrong, right, sizeof right);
    first_wrong[secret] = first_wrong[secret] == 'A' ? 'B' : 'A';
    memcpy(last_wrong, right, sizeof right);
    last_wrong[strlen(right) - 1] = last_wrong[strlen(right) - 1] == 'A' ? 'B' : 'A';
    (void)VALGRIND_MAKE_MEM_UNDEFINED(list.items[0].salt, sizeof list.items[0].salt);
    (void)VALGRIND_MAKE_MEM_UNDEFINED(list.items[0].hash, sizeof list.items[0].hash);
    check_token(&list, right, 0);
    check_token(&list, first_wrong, -ENOENT);
    check_token(&list, last_wrong, -ENOENT);
}

static void a_remembered_credential_is_compared_without_branches(void **state)
{
    _cleanup_free_ struct known *known = malloc(sizeof *known);
    struct principal principal = {.role = ROLE_READER, .kind = PRINCIPAL_TOKEN}, found;
    struct known_key key, other;
    unsigned long before;
    bool is_known;
    (void)state;

    if (!RUNNING_ON_VALGRIND)
        skip();
    assert_non_null(known);
    assert_int_equal(known_init(known), 0);
    key = known_key_of(known, "Bearer one");
    known_add(known, &key, 0, &principal);
    other = key;
    other.bytes[sizeof other.bytes - 1] ^= 1;
    for (size_t i = 0; i < KNOWN_MAX;
         i++) /* the place goes by two bytes of what is asked, and nothing else */
        (void)VALGRIND_MAKE_MEM_UNDEFINED(&known->items[i].key, sizeof known->items[i].key);
    before = VALGRIND_COUNT_ERRORS;
    is_known = known_find(known, &key, 0, NOW, &found);
    assert_int_equal(branches_since(before), 1);
    (void)VALGRIND_MAKE_MEM_DEFINED(&is_known, sizeof is_known);
    assert_true(is_known);
    before = VALGRIND_COUNT_ERRORS;
    is_known = known_find(known, &other, 0, NOW, &found);
    assert_int_equal(branches_since(before), 1);
    (void)VALGRIND_MAKE_MEM_DEFINED(&is_known, sizeof is_known);
    assert_false(is_known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(branches_are_seen),
        cmocka_unit_test(a_token_is_compared_without_branches),
        cmocka_unit_test(a_remembered_credential_is_compared_without_branches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
