/* Tokens and passwords: made, written, read again, checked. */
#include "access/password.h"
#include "access/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <crypt.h>
#include <errno.h>
#include <string.h>

static void a_token_is_good_after_writing_and_reading(void **state)
{
    _cleanup_token_list_ struct token_list list = {0}, again = {0};
    _cleanup_buffer_ struct buffer text = {0};
    char one[TOKEN_TEXT_SIZE], two[TOKEN_TEXT_SIZE];
    struct principal principal;
    struct error error;
    (void)state;

    assert_int_equal(token_list_add(&list, "ci@example", ROLE_READER, 100, 200, one, NULL), 0);
    assert_int_equal(token_list_add(&list, "ops", ROLE_ADMIN, 100, 0, two, NULL), 0);
    assert_int_equal(strlen(one), 4 + 8 + 1 + 43); /* 32 bytes in base64url */
    assert_string_not_equal(one, two);
    assert_int_equal(token_list_write(&list, &text), 0);
    assert_null(strstr(text.data, one));
    assert_null(strstr(text.data, one + 13)); /* the secret */
    if (token_list_parse(&again, "F", text.data, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(again.count, 2);
    assert_int_equal(token_list_check(&again, one, 150, &principal), 0);
    assert_int_equal(principal.role, ROLE_READER);
    assert_int_equal(principal.kind, PRINCIPAL_TOKEN);
    assert_int_equal(principal.expires, 200);
    assert_string_equal(principal.name, "ci@example");
    assert_int_equal(token_list_check(&again, one, 200, &principal), -ENOENT);
    assert_int_equal(token_list_check(&again, two, INT64_MAX, &principal), 0);
    /* the id of one with the secret of another */
    memcpy(one + 4, two + 4, 8);
    assert_int_equal(token_list_check(&again, one, 150, &principal), -ENOENT);
    assert_int_equal(token_list_check(&again, "", 150, &principal), -ENOENT);
    assert_int_equal(token_list_check(&again, "pst_", 150, &principal), -ENOENT);
    assert_int_equal(token_list_check(&again, "pst_00000000_", 150, &principal), -ENOENT);
}

static void names_with_blanks_are_refused(void **state)
{
    static const char *const bad[] = {"", "a b", "a\nb", "\xc3\xa4",
                                      "0123456789012345678901234567890123456789012345678901234567890123"};
    _cleanup_token_list_ struct token_list list = {0};
    char text[TOKEN_TEXT_SIZE];
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(bad); i++)
        assert_int_equal(token_list_add(&list, bad[i], ROLE_READER, 1, 0, text, NULL), -EINVAL);
    assert_int_equal(list.count, 0);
}

#define SALT "00112233445566778899aabbccddeeff"
#define HASH SALT SALT

static void other_lines_are_refused(void **state)
{
    static const char *const bad[] = {
        "rubbish",
        "0123456 reader 1 0 " SALT " " HASH " x",
        "0123456X reader 1 0 " SALT " " HASH " x",
        "01234567 none 1 0 " SALT " " HASH " x",
        "01234567 root 1 0 " SALT " " HASH " x",
        "01234567 reader 1 -5 " SALT " " HASH " x",
        "01234567 reader 1 0 " SALT "0 " HASH " x",
        "01234567 reader 1 0 " SALT " " HASH "00 x",
        "01234567 reader 1 0 " SALT " " SALT " x",
        "01234567 reader 1 0 " SALT " " HASH " ",
        "01234567 reader 1 0 " SALT " " HASH " x y",
        "01234567 reader 1 0 " SALT " " HASH,
        "01234567 reader 1 0 " SALT " " HASH " x\n01234567 admin 1 0 " SALT " " HASH " y",
    };
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(bad); i++) {
        _cleanup_token_list_ struct token_list list = {0};
        _cleanup_free_ char *text = strdup(bad[i]);
        struct error error;
        if (token_list_parse(&list, "F", text, &error) != -EINVAL)
            fail_msg("'%s' was taken", bad[i]);
    }
}

static void passwords_are_those_of_crypt(void **state)
{
    struct crypt_data data = {0};
    _cleanup_password_list_ struct password_list list = {0};
    struct principal principal;
    struct error error = {0};
    char text[600];
    const char *hash = crypt_r("geheim", "$y$j75$salt", &data);
    (void)state;

    (void)snprintf(text, sizeof text, "\n# people\nann:dumper:%s\r\nbob:reader:%s\n", hash, hash);
    if (password_list_parse(&list, "F", text, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(list.count, 2);
    assert_int_equal(password_list_check(&list, "ann", "geheim", &principal), 0);
    assert_int_equal(principal.role, ROLE_DUMPER);
    assert_string_equal(principal.name, "ann");
    assert_int_equal(password_list_check(&list, "ann", "geheim ", &principal), -ENOENT);
    assert_int_equal(password_list_check(&list, "ann", "", &principal), -ENOENT);
    assert_int_equal(password_list_check(&list, "eve", "geheim", &principal), -ENOENT);
}

static void weak_hashes_and_other_lines_are_refused(void **state)
{
    static const char *const bad[] = {"ann",
                                      "ann:dumper",
                                      "ann:dumper:",
                                      ":dumper:$6$a$b",
                                      "ann:king:$6$a$b",
                                      "ann:dumper:secret",
                                      "ann:dumper:ab01FAX.bQRSU" /* DES */,
                                      "ann:dumper:$1$abc$BXBqpb9BZcZhXLgbee.0s/" /* MD5 */,
                                      "ann:none:$6$a$b",
                                      "ann:dumper:*",
                                      "ann:dumper:$6$a$b:c"};
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(bad); i++) {
        _cleanup_password_list_ struct password_list list = {0};
        _cleanup_free_ char *text = strdup(bad[i]);
        struct error error;
        if (password_list_parse(&list, "F", text, &error) != -EINVAL)
            fail_msg("'%s' was taken", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_good_after_writing_and_reading),
        cmocka_unit_test(names_with_blanks_are_refused),
        cmocka_unit_test(other_lines_are_refused),
        cmocka_unit_test(passwords_are_those_of_crypt),
        cmocka_unit_test(weak_hashes_and_other_lines_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
