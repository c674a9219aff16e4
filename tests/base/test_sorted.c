#include "base/cleanup.h"
#include "base/sorted.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct range {
    char name;
    uint64_t start, end;
};

static void counts_keys_up_to_one(void **state)
{
    static const struct range ranges[] = {
        {'a', 2, 4}, {'b', 4, 8}, {'c', 4, 9}, {'d', UINT64_MAX, UINT64_MAX}};

    (void)state;
    for (uint64_t key = 0; key < 12; key++)
        for (size_t count = 0; count <= ELEMENTS_OF(ranges); count++) {
            size_t begun = 0, ended = 0;

            for (size_t i = 0; i < count; i++) {
                begun += ranges[i].start <= key;
                ended += ranges[i].end <= key;
            }
            assert_int_equal(SORTED_UP_TO(ranges, count, start, key), begun);
            assert_int_equal(SORTED_UP_TO(ranges, count, end, key), ended);
        }
    assert_int_equal(SORTED_UP_TO(ranges, ELEMENTS_OF(ranges), start, UINT64_MAX), ELEMENTS_OF(ranges));
}

static void takes_no_array(void **state)
{
    const struct range *none = NULL;

    (void)state;
    assert_int_equal(SORTED_UP_TO(none, 0, start, 7), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_keys_up_to_one),
        cmocka_unit_test(takes_no_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
