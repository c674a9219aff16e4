#include "instances/forward_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static void line(struct forward_head *head, const char *text)
{
    forward_head_line(head, text, strlen(text));
}

static void what_is_the_clients_goes_on(void **state)
{
    struct forward_head head = {.length = -1};
    (void)state;

    line(&head, "HTTP/1.1 100 Continue\r\n");
    line(&head, "X-Old: 1\r\n");
    line(&head, "HTTP/1.1 200 OK\r\n");
    line(&head, "Content-Type: application/json; charset=utf-8\r\n");
    line(&head, "content-length: 17\r\n");
    line(&head, "X-Dump-Mode:snapshot\r\n");
    line(&head, "Content-Disposition: attachment; filename=\"x\"\r\n");
    line(&head, "Set-Cookie: a=b\r\n");
    line(&head, "Server: x\r\n");
    line(&head, "Connection: close\r\n");
    line(&head, "X-Content-Type-Options: nosniff\r\n");
    line(&head, "X-Accel-Redirect: /internal/secret\r\n");
    line(&head, "X-Sendfile: /etc/passwd\r\n");
    line(&head, "X-Accel-Buffering: no\r\n");
    line(&head, "WWW-Authenticate: Basic\r\n");
    line(&head, "\r\n");
    assert_int_equal(head.length, 17);
    assert_false(head.is_chunked);
    assert_int_equal(head.fields.count, 4);
    assert_string_equal(fields_get(&head.fields, "x:X-Accel-Buffering"), "no");
    assert_string_equal(fields_get(&head.fields, "type"), "application/json; charset=utf-8");
    assert_string_equal(fields_get(&head.fields, "x:X-Dump-Mode"), "snapshot");
    assert_string_equal(fields_get(&head.fields, "x:Content-Disposition"), "attachment; filename=\"x\"");
    forward_head_release(&head);
}

static void odd_lines_do_no_harm(void **state)
{
    struct forward_head head = {.length = -1};
    char many[64];
    (void)state;

    forward_head_line(&head, "X-Nul: a\0b\r\n", 12);
    forward_head_line(&head, "X:", 2);
    forward_head_line(&head, "", 0);
    forward_head_line(&head, ":", 1);
    forward_head_line(&head, "X-Short", 7);
    line(&head, "Content-Length: -1\r\n");
    line(&head, "Content-Length: 99999999999999999999\r\n");
    assert_int_equal(head.length, -1);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(many, sizeof many, "X-Dump-%d: 1\r\n", i);
        line(&head, many);
    }
    assert_true(head.fields.count <= 21);
    line(&head, "Transfer-Encoding: chunked\r\n");
    assert_true(head.is_chunked);
    forward_head_release(&head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_the_clients_goes_on),
        cmocka_unit_test(odd_lines_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
