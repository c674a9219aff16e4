#include "instances/member_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

static int read_facts(const char *text, struct member_facts *facts)
{
    return member_json_read(text, strlen(text), facts);
}

static void what_is_written_is_read(void **state)
{
    struct member_facts facts = {
        .id = "a-1", .run = "r", .name = "web \"1\"", .version = "1", .url = "http://a:1"};
    struct member_facts read = {0};
    struct buffer text = {0};
    (void)state;

    assert_int_equal(member_json_write(&facts, &text), 0);
    assert_int_equal(read_facts(text.data, &read), 0);
    assert_memory_equal(&facts, &read, sizeof facts);
    buffer_release(&text);
}

static void what_is_no_instance_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "[]",
                                      "null",
                                      "{}",
                                      "{\"id\":\"a\"}",
                                      "{\"run\":\"r\"}",
                                      "{\"id\":1,\"run\":\"r\"}",
                                      "{\"id\":\"a/b\",\"run\":\"r\"}",
                                      "{\"id\":\"a\",\"run\":\"01234567890123456789\"}",
                                      "{\"id\":\"a\",\"run\":\"r\",\"url\":\"file:///x\"}",
                                      "{\"id\":\"a\",\"run\":\"r\",\"name\":\"x\\ny\"}",
                                      "{\"id\":\"a\",\"run\":\"r\"",
                                      "{\"id\":\"a\",\"run\":\"r\"}x"};
    struct member_facts facts;
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(bad); i++)
        assert_int_equal(read_facts(bad[i], &facts), -EBADMSG);
    assert_int_equal(read_facts("{\"id\":\"a\",\"run\":\"r\"}", &facts), 0);
    assert_string_equal(facts.url, "");
}

struct taken {
    size_t count;
    struct member_facts last;
};

static void take(void *context, const struct member_facts *facts)
{
    struct taken *taken = context;

    taken->count++;
    taken->last = *facts;
}

static void answers_of_etcd(void **state)
{
    /* base64 of {"id":"a","run":"r","url":"http://a:1"} */
    static const char range[] = "{\"header\":{\"revision\":\"5\"},\"kvs\":[{\"key\":\"eA==\",\"value\":"
                                "\"eyJpZCI6ImEiLCJydW4iOiJyIiwidXJsIjoiaHR0cDovL2E6MSJ9\"},{\"value\":\"!!\"}"
                                ",{\"value\":\"eA==\"},{},3],"
                                "\"count\":\"2\"}";
    struct taken taken = {0};
    int64_t number;
    char words[32];
    (void)state;

    assert_int_equal(etcd_read_range(range, strlen(range), take, &taken), 0);
    assert_int_equal(taken.count, 1);
    assert_string_equal(taken.last.url, "http://a:1");
    assert_int_equal(etcd_read_range("{}", 2, take, &taken), 0); /* none */
    assert_int_equal(etcd_read_range("{\"kvs\":1}", 9, take, &taken), -EBADMSG);
    assert_int_equal(etcd_read_range("[]", 2, take, &taken), -EBADMSG);
    assert_int_equal(taken.count, 1);

    assert_int_equal(etcd_read_lease("{\"ID\":\"7587869\",\"TTL\":\"5\"}", 26, &number), 0);
    assert_int_equal(number, 7587869);
    assert_int_equal(etcd_read_lease("{\"ID\":\"x\"}", 10, &number), -EBADMSG);
    assert_int_equal(etcd_read_keepalive("{\"result\":{\"ID\":\"7\",\"TTL\":\"5\"}}", 31, &number), 0);
    assert_int_equal(number, 5);
    assert_int_equal(etcd_read_keepalive("{\"result\":{\"ID\":\"7\"}}", 21, &number), 0);
    assert_int_equal(number, 0);
    assert_int_equal(etcd_read_keepalive("{\"error\":{}}", 12, &number), -EBADMSG);
    etcd_read_problem("{\"message\":\"no such lease\"}", 27, words, sizeof words);
    assert_string_equal(words, "no such lease");
    etcd_read_problem("<html>", 6, words, sizeof words);
    assert_string_equal(words, "no words");
}

static void requests_to_etcd(void **state)
{
    struct buffer text = {0};
    (void)state;

    assert_int_equal(etcd_write_range("/p/instances/", &text), 0);
    assert_string_equal(
        text.data, "{\"key\":\"L3AvaW5zdGFuY2VzLw==\",\"range_end\":\"L3AvaW5zdGFuY2VzMA==\",\"limit\":512}");
    buffer_clear(&text);
    assert_int_equal(etcd_write_put("k", "v", 1, 7, &text), 0);
    assert_string_equal(text.data, "{\"key\":\"aw==\",\"value\":\"dg==\",\"lease\":7}");
    buffer_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_is_no_instance_is_refused),
        cmocka_unit_test(answers_of_etcd),
        cmocka_unit_test(requests_to_etcd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
