/* The Authorization header taken apart: what is taken, and above all what is not. */
#include "access/credential.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

static void good_ones_are_taken_apart(void **state)
{
    static const struct {
        const char *header;
        enum credential_kind kind;
        const char *name, *text;
    } good[] = {
        {"Bearer pst_12345678_abc", CREDENTIAL_TOKEN, NULL, "pst_12345678_abc"},
        {"bearer  pst_x", CREDENTIAL_TOKEN, NULL, "pst_x"},
        {"BEARER a.b.c", CREDENTIAL_JWT, NULL, "a.b.c"},
        /* RFC 7617, 2 */
        {"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", CREDENTIAL_PASSWORD, "Aladdin", "open sesame"},
        {"basic dGVzdDoxMjPCow==", CREDENTIAL_PASSWORD, "test", "123\xc2\xa3"},
        {"Basic Og==", CREDENTIAL_PASSWORD, "", ""},
        {"Basic YTpiOmM=", CREDENTIAL_PASSWORD, "a", "b:c"},
        {"Basic eDpwc3RfMQ==", CREDENTIAL_TOKEN, "x", "pst_1"},
    };
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(good); i++) {
        _cleanup_credential_ struct credential credential = {0};
        assert_int_equal(credential_parse(good[i].header, &credential), 0);
        assert_int_equal(credential.kind, good[i].kind);
        assert_string_equal(credential.text, good[i].text);
        if (good[i].name)
            assert_string_equal(credential.name, good[i].name);
        assert_int_equal(credential_is_basic(good[i].header), good[i].name != NULL);
    }
}

static void others_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "Bearer",
        "Bearer ",
        "Bearer\tpst_x",
        "Bearer a b",
        "Bearer a\x7f",
        "Bearer a\xff",
        "BearerX a",
        "Digest username=\"x\"",
        "Negotiate YII=",
        "Basic",
        "Basic ",
        "Basic ????",
        "Basic QWxhZGRpbg==",     /* no colon */
        "Basic QWxhZGRpbjpv=GVu", /* padding inside */
        "Basic AAAA",             /* NULs */
        "Basic YTpiAGM=",         /* a NUL behind the colon */
        "Basic YTpi Yw==",
        "Basic YTpiY",
    };
    char longest[CREDENTIAL_MAX + 100];
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(bad); i++) {
        struct credential credential = {0};
        if (credential_parse(bad[i], &credential) != -EINVAL)
            fail_msg("'%s' was taken", bad[i]);
        assert_null(credential.storage);
    }
    memset(longest, 'a', sizeof longest);
    memcpy(longest, "Bearer ", 7);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(credential_parse(longest, &(struct credential){0}), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_are_taken_apart),
        cmocka_unit_test(others_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
