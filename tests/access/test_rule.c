/* Rules: read, and the first that fits. */
#include "access/rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

static const struct principal ci = {.role = ROLE_ADMIN, .name = "ci-7"};

static bool allows(const char *const *rules, const char *operation, struct rule_target target)
{
    struct rule_list list = {0};
    struct error error = {0};
    bool result;

    for (; *rules; rules++)
        if (rule_list_add(&list, *rules, &error) < 0)
            fail_msg("%s", error.text);
    result = rule_list_allows(&list, &ci, operation, &target);
    rule_list_release(&list);
    return result;
}

#define RULES(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct rule_target vault = {
    .name = "vault", .program = "vault", .cgroups = "/system.slice/vault.service\n/\n", .user = 33};
static const struct rule_target web = {
    .name = "worker 1", .program = "web", .cgroups = "/system.slice/web.service", .user = 0};
static const struct rule_target unknown = {.name = "", .program = "", .cgroups = "", .user = (uid_t)-1};

static void the_first_that_fits_decides(void **state)
{
    (void)state;
    assert_true(allows((const char *const[]){NULL}, "dump", vault));
    assert_false(allows(RULES("deny dump name=vault"), "dump", vault));
    assert_true(allows(RULES("deny dump name=vault"), "show", vault));
    assert_true(allows(RULES("deny dump name=vault"), "dump", web));
    assert_false(allows(RULES("  deny\tdump,heap*   name=v?ult "), "heapdump", vault));
    assert_false(
        allows(RULES("deny * name=web"), "show", web)); /* by its program, whatever it calls itself */
    assert_true(allows(RULES("allow dump cgroup=*/vault.service", "deny dump"), "dump", vault));
    assert_false(allows(RULES("allow dump cgroup=*/vault.service", "deny dump"), "dump", web));
    assert_false(allows(RULES("deny dump", "allow dump"), "dump", web));
    assert_false(allows(RULES("deny dump user=root"), "dump", web));
    assert_true(allows(RULES("deny dump user=root"), "dump", vault));
    assert_false(allows(RULES("deny dump user=33 name=vault"), "dump", vault));
    assert_true(allows(RULES("deny dump user=34 name=vault"), "dump", vault));
    assert_false(allows(RULES("deny * who=ci-*"), "list", unknown));
    assert_true(allows(RULES("deny * who=ops"), "list", web));
    assert_false(allows(RULES("deny * cgroup=/"), "show", vault)); /* any of them */
}

static void who_comes_by_way_of_another_instance(void **state)
{
    static const struct {
        const char *rule, *name;
        bool denied;
    } rules[] = {
        {"deny dump who=ci", "ci via id-a", true},
        {"deny dump who=ci", "ci", true},
        {"deny dump who=ci", "ci2 via id-a", false},
        {"deny dump who=ci*", "ci via id-a", true},
        {"deny dump who=*id-a", "ci via id-a", true},
        {"deny dump who=ci", "ci via x via id-a", false}, /* he is called so */
        {"deny dump who=ci?via?x", "ci via x via id-a", true},
        {"deny dump who=ci", "x via ci via id-a", false},
        {"deny dump who=ci", " via id-a", false},
    };
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(rules); i++) {
        struct principal instance = {.role = ROLE_ADMIN, .kind = PRINCIPAL_INSTANCE},
                         token = {.role = ROLE_ADMIN, .kind = PRINCIPAL_TOKEN};
        struct rule_list list = {0};
        struct error error = {0};
        principal_set_name(&instance, rules[i].name);
        principal_set_name(&token, rules[i].name);
        assert_int_equal(rule_list_add(&list, rules[i].rule, &error), 0);
        if (rule_list_allows(&list, &instance, "dump", &vault) == rules[i].denied)
            fail_msg("%s, %s", rules[i].rule, rules[i].name);
        if (strcmp(rules[i].rule, "deny dump who=ci") ==
            0) /* of who is no instance's word the whole name counts */
            assert_int_equal(rule_list_allows(&list, &token, "dump", &vault),
                             strcmp(rules[i].name, "ci") != 0);
        rule_list_release(&list);
    }
    { /* what allows goes by the whole name */
        struct principal instance = {.role = ROLE_ADMIN, .kind = PRINCIPAL_INSTANCE, .name = "ops via id-a"};
        struct rule_list list = {0};
        assert_int_equal(rule_list_add(&list, "allow dump who=ops", NULL), 0);
        assert_int_equal(rule_list_add(&list, "deny dump", NULL), 0);
        assert_false(rule_list_allows(&list, &instance, "dump", &vault));
        rule_list_release(&list);
    }
}

static void what_is_unknown_is_denied(void **state)
{
    (void)state;
    assert_false(allows(RULES("deny dump name=vault"), "dump", unknown));
    assert_false(allows(RULES("deny dump user=0"), "dump", unknown));
    assert_false(allows(RULES("deny dump cgroup=/x"), "dump", unknown));
    assert_false(allows(RULES("allow dump name=web", "deny dump"), "dump", unknown));
    assert_false(allows(RULES("allow dump user=0", "deny dump"), "dump", unknown));
    assert_false(allows(RULES("allow dump cgroup=*", "deny dump"), "dump", unknown));
}

static void other_texts_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "deny",
                                      "forbid dump",
                                      "deny name=vault",
                                      "deny dump name=",
                                      "deny dump =vault",
                                      "deny dump vault",
                                      "deny dump colour=red",
                                      "deny dump name=a name=b",
                                      "deny dump user=nobody-of-that-name",
                                      "deny dump user=1 user=2"};
    struct rule_list list = {0};
    struct error error;
    (void)state;

    for (size_t i = 0; i < ELEMENTS_OF(bad); i++)
        if (rule_list_add(&list, bad[i], &error) != -EINVAL)
            fail_msg("'%s' was taken", bad[i]);
    for (size_t i = 0; i < RULES_MAX; i++)
        assert_int_equal(rule_list_add(&list, "deny dump", &error), 0);
    assert_int_equal(rule_list_add(&list, "deny dump", &error), -ENOBUFS);
    rule_list_release(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_that_fits_decides),
        cmocka_unit_test(who_comes_by_way_of_another_instance),
        cmocka_unit_test(what_is_unknown_is_denied),
        cmocka_unit_test(other_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
