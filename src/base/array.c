#include "base/array.h"

#include <errno.h>
#include <stdint.h>

int array_grow(void **items, size_t count, size_t *capacity, size_t more, size_t size, size_t maximum)
{
    size_t wanted;
    void *grown;

    if (count > maximum || more > maximum - count)
        return -ENOBUFS;
    if (count + more <= *capacity)
        return 0;
    wanted = *capacity < 16 ? 16 : *capacity + *capacity / 2;
    if (wanted < count + more)
        wanted = count + more;
    if (wanted > maximum)
        wanted = maximum;
    grown = reallocarray(*items, wanted, size);
    if (!grown)
        return -ENOMEM;
    *items = grown;
    *capacity = wanted;
    return 0;
}
