/* Azure Resource Manager's envelopes around Kudu's objects: {id,name,type,properties:{...}}, and
 * {value:[...]} around arrays of them. docs/ARM.md */
#pragma once

#include "base/json.h"

#include <stdbool.h>

struct arm_style {
    const char *id; /* of the resource that was asked for: a path without / at its end; NULL: no envelopes */
    const char *location; /* NULL: none */
    bool is_short; /* name is the last part of the id, not all that name something: Azure has instances so */
    bool nested;   /* members that are resources have envelopes, too, as Azure's SDKs read them */
    const char *below; /* NULL: the resource itself is written; else what stands between its id and the name
                          of its child: "/", "/threads/" */
};

/* Around one object. child: its name, where style->below is set. */
void arm_object_begin(struct json *json, const struct arm_style *style, const char *child);
void arm_object_end(struct json *json, const struct arm_style *style);

/* Around an array, the answer's own or a member; returns how its elements are to be written. */
struct arm_style arm_array_begin(struct json *json, const struct arm_style *style);
void arm_array_end(struct json *json, const struct arm_style *style);

/* For members of the object whose elements' ids go on with `below`. */
struct arm_style arm_inside(const struct arm_style *style, const char *below);
