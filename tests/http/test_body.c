/* Bodies of requests: what is kept, what is read away, and how much all of them may take. */
#include "http/body.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static char piece[BODY_KEPT];

static bool take(struct request_body *body, size_t size, size_t *all)
{
    size_t left = size;
    bool goes_on = request_body_take(body, piece, &left, all);

    assert_int_equal(left, 0);
    return goes_on;
}

static void is_kept_whole_or_not_at_all(void **state)
{
    struct request_body body = REQUEST_BODY_INIT;
    const char *text = NULL;
    struct error error = {0};
    size_t all = 0;

    (void)state;
    memset(piece, 'a', sizeof piece);
    body.is_wanted = true;
    assert_int_equal(request_body_text(&body, &text, &error), 0);
    assert_null(text);
    assert_true(take(&body, 10, &all) && take(&body, BODY_KEPT - 10, &all));
    assert_int_equal(request_body_text(&body, &text, &error), 0);
    assert_int_equal(strlen(text), BODY_KEPT);
    assert_int_equal(all, BODY_KEPT);
    assert_true(take(&body, 1, &all));
    assert_int_equal(all, 0);
    assert_int_equal(request_body_text(&body, &text, &error), -EFBIG);
    for (size_t seen = BODY_KEPT + 1; seen + BODY_KEPT <= BODY_MAX; seen += BODY_KEPT)
        assert_true(take(&body, BODY_KEPT, &all));
    assert_false(take(&body, BODY_KEPT, &all));
    request_body_release(&body, &all);
    assert_int_equal(all, 0);
}

static void is_no_text_with_a_nul(void **state)
{
    struct request_body body = REQUEST_BODY_INIT;
    const char *text;
    size_t all = 0;

    (void)state;
    memset(piece, 0, sizeof piece);
    body.is_wanted = true;
    assert_true(take(&body, 3, &all));
    assert_int_equal(request_body_text(&body, &text, NULL), -EINVAL);
    request_body_release(&body, &all);
}

static void who_wants_none_keeps_none(void **state)
{
    struct request_body body = REQUEST_BODY_INIT;
    size_t all = 0;

    (void)state;
    assert_true(take(&body, BODY_KEPT, &all));
    assert_int_equal(all, 0);
    assert_int_equal(body.kept.size, 0);
}

static void all_together_are_bounded(void **state)
{
    enum { MANY = BODIES_KEPT / BODY_KEPT };
    static struct request_body bodies[MANY];
    struct request_body late = REQUEST_BODY_INIT;
    const char *text;
    size_t all = 0;

    (void)state;
    memset(piece, 'a', sizeof piece);
    for (size_t i = 0; i < MANY; i++) {
        bodies[i] = REQUEST_BODY_INIT;
        bodies[i].is_wanted = true;
        assert_true(take(&bodies[i], BODY_KEPT, &all));
    }
    assert_int_equal(all, BODIES_KEPT);
    late.is_wanted = true;
    assert_true(take(&late, 1, &all));
    assert_int_equal(request_body_text(&late, &text, NULL), -EAGAIN);
    for (size_t i = 0; i < MANY; i++)
        request_body_release(&bodies[i], &all);
    request_body_release(&late, &all);
    assert_int_equal(all, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_kept_whole_or_not_at_all),
        cmocka_unit_test(is_no_text_with_a_nul),
        cmocka_unit_test(who_wants_none_keeps_none),
        cmocka_unit_test(all_together_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
