/* Several processes that want to dump the same ones. */
#include "service/claims.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void so_many_of_one_process(void **state)
{
    struct claims claims;
    struct error error = {0};
    (void)state;

    assert_int_equal(claims_init(&claims, 4, 2), 0);
    assert_int_equal(claims_take(&claims, 0, 100, 0, &error), 0);
    assert_int_equal(claims_take(&claims, 1, 100, 0, &error), 0);
    assert_int_equal(claims_take(&claims, 2, 100, 0, &error), -EUSERS);
    assert_int_equal(claims_take(&claims, 2, 101, 0, &error), 0);
    assert_int_equal(claims_take(&claims, 3, 100, 20, &error), -EUSERS);
    claims_drop(&claims, 0);
    assert_int_equal(claims_take(&claims, 3, 100, 0, &error), 0);
    claims_release(&claims);
}

/* Each takes and drops the same process again and again, and counts how many have it. */
static void never_two_at_once(void **state)
{
    enum { PROCESSES = 4, ROUNDS = 200 };
    struct claims claims;
    atomic_int *inside =
        mmap(NULL, sizeof *inside, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status, taken = 0;
    (void)state;

    assert_true(inside != MAP_FAILED);
    assert_int_equal(claims_init(&claims, PROCESSES, 1), 0);
    for (size_t slot = 0; slot < PROCESSES; slot++) {
        if (fork() != 0)
            continue;
        int got = 0;
        for (int i = 0; i < ROUNDS; i++) {
            if (claims_take(&claims, slot, 7, 0, NULL) < 0)
                continue;
            if (atomic_fetch_add(inside, 1) != 0)
                _exit(2);
            got = 1;
            (void)sched_yield(); /* gives the others their chance */
            atomic_fetch_sub(inside, 1);
            claims_drop(&claims, slot);
        }
        _exit(got ? 0 : 1);
    }
    for (int i = 0; i < PROCESSES; i++) {
        assert_true(wait(&status) > 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 2);
        taken += WEXITSTATUS(status) == 0;
    }
    assert_true(taken > 0);
    (void)munmap(inside, sizeof *inside);
    claims_release(&claims);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_of_one_process),
        cmocka_unit_test(never_two_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
