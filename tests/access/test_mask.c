/* What is masked, and that nothing else is. */
#include "access/mask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static const struct mask mask = {.secrets = "KEY,TOKEN, SECRET,PASSWORD,AUTHORIZATION"};

static void expect(const char *text, const char *wanted)
{
    _cleanup_buffer_ struct buffer shown = {0};

    assert_int_equal(mask_append(&mask, text, strlen(text), &shown), 0);
    assert_string_equal(buffer_string(&shown), wanted);
}

static void secrets_in_texts_are_masked(void **state)
{
    (void)state;
    expect("", "");
    expect("nginx -g 'daemon off;'", "nginx -g 'daemon off;'");
    expect("app --password=abc --port=8080", "app --password=*** --port=8080");
    expect("app --db-password abc --port 8080", "app --db-password *** --port 8080");
    expect("app --password -x --port 8080", "app --password *** --port 8080");
    expect("app --password --port 8080", "app --password *** 8080"); /* it may be one */
    expect("app --password --token abc", "app --password ***");      /* whichever it is */
    expect("app --password --token=abc", "app --password ***");
    expect("app --password -mykey -v x", "app --password *** x");
    expect("app --password -mykey", "app --password ***");
    expect("app --key --key --key x y", "app --key *** y");
    expect("app --key --token='a b' y", "app --key ***' y");
    expect("app --key=-mykey -v x", "app --key=*** -v x");
    expect("app --password '-a b' -v", "app --password '***' -v");
    expect("app --password -", "app --password ***");
    expect("app --password ", "app --password ");
    expect("app --token= --password abc", "app --token= --password ***");
    expect("app TOKEN = --password abc", "app TOKEN = ***");
    expect("{\"secret\" : \"abc\", \"a\": \"b\"}", "{\"secret\" : \"***\", \"a\": \"b\"}");
    expect("app -p secret", "app -p secret"); /* a port, most often */
    expect("PASSWORD:abc def", "PASSWORD:*** def");
    expect("PASSWORD: abc def\nx", "PASSWORD: ***");
    expect("PASSWORD = abc def", "PASSWORD = *** def");
    expect("env PWD=/root", "env PWD=***");
    expect("'User Id=sa; Pwd = my pass ; Server=db'", "'User Id=sa; Pwd = ***; Server=db'");
    expect("'Password=my pass;Server=db' x;", "'Password=***;Server=db' x;");
    expect("sh -c 'PASSWORD=abc exec app'", "sh -c 'PASSWORD=*** exec app'");
    expect("app --token 'a b' x", "app --token '***' x");
    expect("env API_KEY=abc PATH=/bin app", "env API_KEY=*** PATH=/bin app");
    expect("'Server=db;User Id=sa;Password=p@ss;Encrypt=true'",
           "'Server=db;User Id=sa;Password=***;Encrypt=true'");
    expect("AccountName=x;AccountKey=a+b/c==;EndpointSuffix=y",
           "AccountName=x;AccountKey=***;EndpointSuffix=y");
    expect("postgres://joe:geheim@db:5432/app", "postgres://joe:***@db:5432/app");
    expect("amqp://joe:a@b@mq/ https://host:8080/", "amqp://joe:***@mq/ https://host:8080/");
    expect("https://t0ken@host/?x=1&token=abc&y=2", "https://***@host/?x=1&token=***&y=2");
    expect("git clone https://joe:@host/x ssh://git@host", "git clone https://***@host/x ssh://***@host");
    expect("https://:abc@host https://a:b:c@host", "https://:***@host https://a:***@host");
    expect("https://host/a@b https://host?a@b mail a@b", "https://host/a@b https://host?a@b mail a@b");
    expect("'https://joe:abc@host'", "'https://joe:***@host'");
    expect("{\"secret\": \"abc\", \"a\": \"b\"}", "{\"secret\": \"***\", \"a\": \"b\"}");
    expect("curl -H 'Authorization: Bearer abc' http://x", "curl -H 'Authorization: ***' http://x");
    expect("tokens are nice", "tokens are nice");
    expect("--key=", "--key=");
    expect("--key", "--key");
    expect("KEY=a KEY=b", "KEY=*** KEY=***");
    expect("://", "://");
    expect("x://a:b", "x://a:b");
    expect("monkey \xff\xfe=1", "monkey \xff\xfe=1");
}

static void without_a_list_all_is_shown(void **state)
{
    static const char text[] = "app --password=abc https://a:b@c";
    const struct mask none = {0};
    _cleanup_buffer_ struct buffer shown = {0};
    (void)state;

    assert_int_equal(mask_append(&none, text, strlen(text), &shown), 0);
    assert_string_equal(shown.data, text);
    assert_false(mask_is_secret(&none, "KEY", 3));
    assert_false(mask_leaves_out(&none, "KEY", 3));
}

static void names_are_looked_at_in_any_case(void **state)
{
    (void)state;
    assert_true(mask_is_secret(&mask, "my_secret_x", 11));
    assert_true(mask_is_secret(&mask, "ApiToken", 8));
    assert_false(mask_is_secret(&mask, "PATH", 4));
    assert_false(mask_is_secret(&mask, "KEY", 2));
    assert_false(mask_is_secret(&(struct mask){.secrets = ",,"}, "KEY", 3));
}

static void a_role_decides(void **state)
{
    struct principal reader = {.role = ROLE_READER, .user = (uid_t)-1},
                     operator_ = {.role = ROLE_OPERATOR, .user = 7};
    struct mask made = mask_for(&reader, 7, ROLE_OPERATOR, "KEY");
    (void)state;

    assert_true(made.environment && made.commands && made.files && made.secrets);
    assert_true(mask_leaves_out(&made, "PATH", 4));
    assert_false(mask_leaves_out(&made, "COR_ENABLE_PROFILING", 20));
    reader.user = 7;
    assert_false(mask_for(&reader, 7, ROLE_OPERATOR, "KEY").files); /* his own process */
    made = mask_for(&operator_, 8, ROLE_OPERATOR, "KEY");
    assert_false(made.environment || made.commands || made.files || made.secrets);
    assert_non_null(mask_for(&operator_, 8, ROLE_ADMIN, "KEY").secrets);
    made = mask_for(NULL, 8, ROLE_ADMIN, "KEY");
    assert_false(made.environment || made.commands || made.files || made.secrets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_in_texts_are_masked),
        cmocka_unit_test(without_a_list_all_is_shown),
        cmocka_unit_test(names_are_looked_at_in_any_case),
        cmocka_unit_test(a_role_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
