/* Which of several forms a client wants: the Accept header, RFC 9110, 12.5.1. */
#pragma once

#include <stddef.h>

/* The index of the one among types ("application/json") that accept gives the most weight; of equals the
 * first. Types that it does not name count with weight 0, and where it takes none of them the first is given
 * all the same, as that RFC allows: an answer in another form tells more than a 406. */
size_t accept_choose(const char *accept, const char *const *types, size_t count);
