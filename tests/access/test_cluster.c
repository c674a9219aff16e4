#include "access/cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define ASKED "GET /api/processes/1?x=y"
#define KEY_1 "0123456789abcdef0123456789abcdef\n"
#define KEY_2 "fedcba9876543210fedcba9876543210\n"

static int read_keys(const char *text, struct cluster_keys *keys, struct error *error)
{
    char path[] = "/tmp/procscope-cluster-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC), r;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
    r = cluster_keys_read(path, keys, error);
    assert_int_equal(unlink(path), 0);
    return r;
}

static struct principal client(void)
{
    struct principal principal = {.role = ROLE_DUMPER, .kind = PRINCIPAL_TOKEN, .user = 7, .expires = 5000};

    principal_set_name(&principal, "ci ~ \"x\"");
    return principal;
}

static int check_use(const struct cluster_keys *keys, const char *token, const char *audience,
                     const char *asked, const char *path_prefix, int64_t now, struct principal *principal,
                     struct cluster_use *use)
{
    char header[CLUSTER_TOKEN_SIZE + 16];
    const struct cluster_claim claim = {
        .authorization = header, .audience = audience, .asked = asked, .path_prefix = path_prefix};
    struct error error = {0};
    int r;

    (void)snprintf(header, sizeof header, "Bearer %s", token);
    assert_true(cluster_token_is(header));
    r = cluster_token_check(keys, &claim, now, principal, use, &error);
    assert_true(r == 0 || (r == -ENOKEY && error.text[0]));
    return r;
}

static int check(const struct cluster_keys *keys, const char *token, const char *audience, int64_t now,
                 struct principal *principal)
{
    struct cluster_use use;

    return check_use(keys, token, audience, ASKED, "", now, principal, &use);
}

static void it_is_good_for_one_request(void **state)
{
    static const struct {
        const char *asked, *prefix;
        bool is_right;
    } claims[] = {
        {ASKED, "", true},
        {ASKED, "/tools", true},
        {"GET /tools/api/processes/1?x=y", "/tools", true},
        {"GET /tools/api/processes/1?x=y", "", false},
        {"GET /tools/tools/api/processes/1?x=y", "/tools", false},
        {"HEAD /api/processes/1?x=y", "", false},
        {"DELETE /api/processes/1?x=y", "", false},
        {"GET /api/processes/1", "", false},
        {"GET /api/processes/12?x=y", "", false},
        {"GET ", "", false},
        {"", "", false},
        {NULL, "", false},
    };
    struct cluster_keys keys = {0};
    struct principal from = client();
    char token[CLUSTER_TOKEN_SIZE], other[CLUSTER_TOKEN_SIZE];
    struct cluster_use use = {0}, again = {0};
    (void)state;

    assert_int_equal(read_keys(KEY_1, &keys, NULL), 0);
    assert_int_equal(cluster_token_make(&keys, &from, "id-a", "id-b", ASKED, 1000, token), 0);
    for (size_t i = 0; i < ELEMENTS_OF(claims); i++) {
        struct principal to = {0};
        int r = check_use(&keys, token, "id-b", claims[i].asked, claims[i].prefix, 1000, &to, &use);
        if (r != (claims[i].is_right ? 0 : -ENOKEY))
            fail_msg("%s: %d", claims[i].asked, r);
        assert_int_equal(to.role, claims[i].is_right ? ROLE_DUMPER : ROLE_NONE);
    }
    assert_int_equal(use.until, 1060);
    /* of the same request at the same time another one is made, which is told from the first */
    assert_int_equal(cluster_token_make(&keys, &from, "id-a", "id-b", ASKED, 1000, other), 0);
    assert_string_not_equal(token, other);
    assert_int_equal(check_use(&keys, token, "id-b", ASKED, "", 1000, &from, &again), 0);
    assert_memory_equal(use.hash, again.hash, sizeof use.hash);
    assert_int_equal(check_use(&keys, other, "id-b", ASKED, "", 1000, &from, &again), 0);
    assert_memory_not_equal(use.hash, again.hash, sizeof use.hash);
    cluster_keys_release(&keys);
}

static void the_other_one_learns_who_asks(void **state)
{
    struct cluster_keys keys = {0};
    struct principal from = client(), to = {0};
    char token[CLUSTER_TOKEN_SIZE];
    (void)state;

    assert_int_equal(read_keys("# of us\n" KEY_1, &keys, NULL), 0);
    assert_int_equal(cluster_token_make(&keys, &from, "id-a", "id-b", ASKED, 1000, token), 0);
    assert_int_equal(check(&keys, token, "id-b", 1000, &to), 0);
    assert_int_equal(to.role, ROLE_DUMPER);
    assert_int_equal(to.kind, PRINCIPAL_INSTANCE);
    assert_int_equal(to.expires, 5000);
    assert_int_equal(to.user, (uid_t)-1); /* users of another machine are nobody here */
    assert_string_equal(to.name, "ci ~ \"x\" via id-a");
    assert_int_equal(check(&keys, token, "ID-B", 1059, &to), 0);
    cluster_keys_release(&keys);
}

static void it_is_good_for_one_and_for_a_minute(void **state)
{
    struct cluster_keys keys = {0};
    struct principal from = client(), to = {0};
    char token[CLUSTER_TOKEN_SIZE];
    (void)state;

    assert_int_equal(read_keys(KEY_1, &keys, NULL), 0);
    assert_int_equal(cluster_token_make(&keys, &from, "id-a", "id-b", ASKED, 1000, token), 0);
    assert_int_equal(check(&keys, token, "id-c", 1000, &to), -ENOKEY);
    assert_int_equal(check(&keys, token, "id-b", 1061, &to), -ENOKEY);
    assert_int_equal(check(&keys, token, "id-b", 969, &to), -ENOKEY);
    assert_int_equal(check(&keys, token, "id-b", 1060, &to), 0);
    assert_int_equal(to.role, ROLE_DUMPER);
    cluster_keys_release(&keys);
}

static void a_changed_byte_makes_it_worthless(void **state)
{
    struct cluster_keys keys = {0};
    struct principal from = client(), to = {0};
    char token[CLUSTER_TOKEN_SIZE], longer[CLUSTER_TOKEN_SIZE];
    size_t size;
    (void)state;

    assert_int_equal(read_keys(KEY_1, &keys, NULL), 0);
    assert_int_equal(cluster_token_make(&keys, &from, "id-a", "id-b", ASKED, 1000, token), 0);
    size = strlen(token);
    for (size_t i = 4; i < size; i++) {
        token[i] ^= 1;
        assert_int_equal(check(&keys, token, "id-b", 1000, &to), -ENOKEY);
        token[i] ^= 1;
    }
    for (size_t i = 4; i < size; i++) {
        memcpy(longer, token, i);
        longer[i] = '\0';
        assert_int_equal(check(&keys, longer, "id-b", 1000, &to), -ENOKEY);
    }
    (void)snprintf(longer, sizeof longer, "%s0", token);
    assert_int_equal(check(&keys, longer, "id-b", 1000, &to), -ENOKEY);
    assert_int_equal(check(&keys, "psi_", "id-b", 1000, &to), -ENOKEY);
    assert_int_equal(check(&keys, "psi_~~~~~~~~", "id-b", 1000, &to), -ENOKEY);
    assert_int_equal(to.role, ROLE_NONE);
    cluster_keys_release(&keys);
}

static void keys_change_one_after_the_other(void **state)
{
    struct cluster_keys before = {0}, both = {0}, after = {0}, none = {0};
    struct principal from = client(), to = {0};
    char token[CLUSTER_TOKEN_SIZE];
    (void)state;

    assert_int_equal(read_keys(KEY_1, &before, NULL), 0);
    assert_int_equal(read_keys(KEY_2 KEY_1, &both, NULL), 0);
    assert_int_equal(read_keys(KEY_2, &after, NULL), 0);
    assert_int_equal(cluster_token_make(&before, &from, "a", "b", ASKED, 1, token), 0);
    assert_int_equal(check(&both, token, "b", 1, &to), 0);
    assert_int_equal(check(&after, token, "b", 1, &to), -ENOKEY);
    assert_int_equal(check(&none, token, "b", 1, &to), -ENOKEY);
    assert_int_equal(cluster_token_make(&both, &from, "a", "b", ASKED, 1, token), 0);
    assert_int_equal(check(&after, token, "b", 1, &to), 0);
    assert_int_equal(cluster_token_make(&none, &from, "a", "b", ASKED, 1, token), -ENOKEY);
    cluster_keys_release(&before);
    cluster_keys_release(&both);
    cluster_keys_release(&after);
}

static void a_file_without_a_good_key_is_refused(void **state)
{
    struct cluster_keys keys = {0};
    struct error error = {0};
    (void)state;

    assert_int_equal(read_keys("", &keys, &error), -EINVAL);
    assert_int_equal(read_keys("# nothing\n", &keys, &error), -EINVAL);
    assert_int_equal(read_keys("short\n", &keys, &error), -EINVAL);
    assert_int_equal(read_keys(KEY_1 KEY_1 KEY_1 KEY_1 KEY_1, &keys, &error), -EINVAL);
    assert_true(cluster_keys_read("/nonexistent", &keys, &error) < 0);
    assert_false(cluster_keys_are_there(&keys));
}

static void children_do_not_have_it(void **state)
{
    struct cluster_keys keys = {0};
    int status;
    pid_t child;
    (void)state;

    assert_int_equal(read_keys(KEY_1, &keys, NULL), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static const char zeros[4096];
        _exit(cluster_keys_are_there(&keys) || memcmp(keys.page, zeros, sizeof zeros) != 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(cluster_keys_are_there(&keys));
    cluster_keys_release(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_other_one_learns_who_asks),
        cmocka_unit_test(it_is_good_for_one_request),
        cmocka_unit_test(it_is_good_for_one_and_for_a_minute),
        cmocka_unit_test(a_changed_byte_makes_it_worthless),
        cmocka_unit_test(keys_change_one_after_the_other),
        cmocka_unit_test(a_file_without_a_good_key_is_refused),
        cmocka_unit_test(children_do_not_have_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
