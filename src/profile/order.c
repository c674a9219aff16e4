#include "profile/order.h"

#include <errno.h>

struct sorting {
    const struct profile_sample *samples;
    enum order_by by;
};

static int compare(const void *left, const void *right, void *context)
{
    const struct sorting *sorting = context;
    uint32_t first = *(const uint32_t *)left, second = *(const uint32_t *)right;
    const struct profile_sample *one = &sorting->samples[first], *other = &sorting->samples[second];

    if (sorting->by == ORDER_BY_THREAD && one->thread != other->thread)
        return one->thread < other->thread ? -1 : 1;
    if (one->time != other->time)
        return one->time < other->time ? -1 : 1;
    return first < second ? -1 : first > second;
}

int order_log(const struct profile *profile, enum order_by by, uint32_t **ret_order)
{
    struct sorting sorting = {profile->log.items, by};
    size_t count = profile->log.count;
    uint32_t *order;

    *ret_order = NULL;
    if (count == 0)
        return 0;
    order = calloc(count, sizeof *order);
    if (!order)
        return -ENOMEM;
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    qsort_r(order, count, sizeof *order, compare, &sorting);
    *ret_order = order;
    return 0;
}
