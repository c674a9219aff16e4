/* The JSON body of a request, read as ASP.NET does: names of members in any case, members that nobody asks
 * for passed over, null as good as not there. Errors are -EINVAL with a sentence that names the member. */
#pragma once

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* An object, to be released with json_decref. what: "The body". */
int json_body_read(const char *text, const char *what, json_t **ret_root, struct error *error) _must_check_;

/* NULL: there is none. */
const json_t *json_body_member(const json_t *object, const char *name);

/* Each leaves *ret_value as it is where the member is not there. What is pointed to lives as long as the
 * root. */
int json_body_bool(const json_t *object, const char *name, bool *ret_value, struct error *error) _must_check_;
int json_body_string(const json_t *object, const char *name, const char **ret_value,
                     struct error *error) _must_check_;
int json_body_number(const json_t *object, const char *name, uint64_t least, uint64_t most,
                     uint64_t *ret_value, struct error *error) _must_check_;
/* At most `most` elements, all objects (or all strings). */
int json_body_list(const json_t *object, const char *name, bool of_strings, size_t most,
                   const json_t **ret_list, struct error *error) _must_check_;
