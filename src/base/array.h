/* Growing arrays of any element type with a stated maximum.
 *
 *     struct map_list { struct map *items; size_t count, capacity; };
 *     r = ARRAY_RESERVE(&list, 1, LIMIT_MAPS);   then list.items[list.count++] = ...; */
#pragma once

#include "base/cleanup.h"

#include <stddef.h>

/* Makes room for `more` elements of `size` bytes behind count. Returns 0, -ENOMEM or -ENOBUFS (past maximum).
 */
int array_grow(void **items, size_t count, size_t *capacity, size_t more, size_t size,
               size_t maximum) _must_check_;

#define ARRAY_RESERVE(list, more, maximum)                                                                   \
    ({                                                                                                       \
        void *_items = (list)->items;                                                                        \
        int _grown =                                                                                         \
            array_grow(&_items, (list)->count, &(list)->capacity, (more), sizeof *(list)->items, (maximum)); \
        (list)->items = _items;                                                                              \
        _grown;                                                                                              \
    })
