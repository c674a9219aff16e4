#include "instances/members.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

static struct member *add(struct members *members, const char *id, const char *run, const char *url)
{
    struct member_facts facts = {0};
    struct member *member;

    (void)snprintf(facts.id, sizeof facts.id, "%s", id);
    (void)snprintf(facts.run, sizeof facts.run, "%s", run);
    (void)snprintf(facts.url, sizeof facts.url, "%s", url);
    (void)snprintf(facts.name, sizeof facts.name, "name-of-%s", id);
    assert_int_equal(members_add(members, &member), 0);
    member_seen(member, &facts);
    return member;
}

static void one_that_runs_comes_before_its_former_self(void **state)
{
    struct members members = {0};
    struct member *found, *first = add(&members, "a", "1", "http://a:1"),
                          *second = add(&members, "a", "2", "http://a:1");
    struct error error = {0};
    (void)state;

    assert_int_equal(members_find(&members, "a", &found, &error), -EBUSY);
    assert_non_null(strstr(error.text, "instance-id"));
    member_lost(first, MEMBER_GONE, "it ended");
    assert_int_equal(members_find(&members, "a", &found, &error), 0);
    assert_ptr_equal(found, second);
    member_lost(second, MEMBER_UNREACHABLE, "no answer");
    assert_int_equal(members_find(&members, "a", &found, &error), 0);
    assert_ptr_equal(found, second);
    assert_int_equal(members_find(&members, "A", &found, &error), 0); /* as in ARM's paths */
    assert_int_equal(members_find(&members, "b", &found, &error), -ENOENT);
    assert_non_null(strstr(error.text, "'b'"));
    members_release(&members);
}

static void one_under_two_addresses_is_one(void **state)
{
    struct members members = {0};
    struct member *found;
    (void)state;

    (void)add(&members, "a", "1", "http://a:1");
    (void)add(&members, "a", "1", "http://b:1");
    assert_int_equal(members_find(&members, "a", &found, NULL), 0);
    members_release(&members);
}

static void who_is_gone_is_forgotten_in_the_end(void **state)
{
    struct members members = {0};
    struct member *gone = add(&members, "a", "1", "http://a:1"),
                  *other = add(&members, "b", "1", "http://b:1");
    (void)state;

    member_lost(gone, MEMBER_GONE, "it ended");
    members_forget(&members, gone->seen_ms + MEMBER_FORGET_MS);
    assert_int_equal(members.count, 2);
    members_forget(&members, gone->seen_ms + MEMBER_FORGET_MS + 1);
    assert_int_equal(members.count, 1);
    assert_ptr_equal(members.items[0], other);
    members_release(&members);
}

static void there_is_a_bound(void **state)
{
    struct members members = {0};
    struct member *member;
    char label[MEMBER_LABEL_SIZE], seen[MEMBER_SEEN_SIZE];
    (void)state;

    for (size_t i = 0; i < MEMBERS_MAX; i++)
        assert_int_equal(members_add(&members, &member), 0);
    assert_int_equal(members_add(&members, &member), -ENOBUFS);
    member_label(members.items[0], label);
    assert_non_null(strstr(label, "?"));
    member_last_seen(members.items[0], seen);
    assert_string_equal(seen, "it was never seen");
    members_release(&members);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_runs_comes_before_its_former_self),
        cmocka_unit_test(one_under_two_addresses_is_one),
        cmocka_unit_test(who_is_gone_is_forgotten_in_the_end),
        cmocka_unit_test(there_is_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
