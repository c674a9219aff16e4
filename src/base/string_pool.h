/* Strings that live together, each of them once. */
#pragma once

#include "base/cleanup.h"

#include <stddef.h>

struct string_pool;

/* limit: of all strings together, in bytes. NULL: no memory. */
struct string_pool *string_pool_new(size_t limit);
void string_pool_free(struct string_pool *pool); /* accepts NULL */

/* The pool's own copy of text, good as long as the pool. NULL: there is no room. */
const char *string_pool_add(struct string_pool *pool, const char *text);
size_t string_pool_size(const struct string_pool *pool); /* bytes that it takes */
