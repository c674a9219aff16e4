#include "http/origin.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void hosts_of_this_machine(void **state)
{
    static const char *const local[] = {"localhost", "LOCALHOST:7420", "x.localhost", "127.0.0.1:1",
                                        "10.1.2.3",  "[::1]:7420",     "[::1]",       "localhost.",
                                        "Machine",   "machine:80"};
    static const char *const foreign[] = {"evil.example",
                                          "localhost.evil.example",
                                          "127.0.0.1.evil.example",
                                          "notlocalhost",
                                          ".localhost",
                                          "machine.evil",
                                          "127.1",
                                          "",
                                          "0x7f000001"};
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(local); i++)
        assert_true(host_is_local(local[i], "machine"));
    for (size_t i = 0; i < ELEMENTS_OF(foreign); i++)
        assert_false(host_is_local(foreign[i], "machine"));
    assert_false(host_is_local("machine", NULL));
    assert_false(host_is_local("", ""));
}

static int check(struct request_origin request)
{
    struct error error;
    return request_origin_check(&request, "machine", &error);
}

static void rebound_names_are_refused(void **state)
{
    (void)state;
    assert_int_equal(
        check((struct request_origin){.host = "evil.example", .loopback = true, .reads_only = true}),
        -EACCES);
    assert_int_equal(check((struct request_origin){.host = "evil.example", .reads_only = true}), 0);
    assert_int_equal(check((struct request_origin){.loopback = true, .reads_only = true}), 0); /* HTTP/1.0 */
    assert_int_equal(check((struct request_origin){.host = "a b\"c", .reads_only = true}), -EINVAL);
    assert_int_equal(check((struct request_origin){.host = "user@host"}), -EINVAL);
}

static void pages_of_strangers_are_refused(void **state)
{
    const struct request_origin own = {
        .host = "localhost:7420", .origin = "http://localhost:7420", .loopback = true};
    struct request_origin request = own;
    (void)state;

    assert_int_equal(check(request), 0);
    request.origin = "https://LOCALHOST:7420";
    assert_int_equal(check(request), 0);
    request.origin = "http://localhost:7421";
    assert_int_equal(check(request), -EACCES);
    request.origin = "null";
    assert_int_equal(check(request), -EACCES);
    request = own;
    request.origin = "https://portal.example";
    request.fetch_site = "cross-site";
    request.is_allowed = true;
    assert_int_equal(check(request), 0);
    request.host = "evil.example"; /* nor does that page lead here by another name */
    assert_int_equal(check(request), -EACCES);
    request = own;
    request.origin = "http://evil.example";
    request.reads_only = true;
    assert_int_equal(check(request), -EACCES);
}

static void only_links_lead_here_from_other_sites(void **state)
{
    struct request_origin request = {.host = "localhost", .fetch_site = "cross-site", .reads_only = true};
    (void)state;

    assert_int_equal(check(request), -EACCES);
    request.fetch_mode = "no-cors";
    assert_int_equal(check(request), -EACCES);
    request.fetch_mode = "navigate";
    assert_int_equal(check(request), 0);
    request.fetch_dest = "iframe"; /* nobody has followed it */
    assert_int_equal(check(request), -EACCES);
    request.fetch_dest = "document";
    assert_int_equal(check(request), 0);
    request.reads_only = false;
    assert_int_equal(check(request), -EACCES);
    request = (struct request_origin){.host = "localhost", .fetch_site = "same-site", .reads_only = true};
    assert_int_equal(check(request), -EACCES); /* another port of this machine */
    request.fetch_mode = "navigate";
    assert_int_equal(check(request), 0);
    request.fetch_site = "same-origin";
    assert_int_equal(check(request), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_of_this_machine),
        cmocka_unit_test(rebound_names_are_refused),
        cmocka_unit_test(pages_of_strangers_are_refused),
        cmocka_unit_test(only_links_lead_here_from_other_sites),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
