/* An instance of the service -> JSON: docs/INSTANCES.md. */
#pragma once

#include "base/json.h"

#include <stdint.h>

/* All borrowed; "" or NULL: unknown, left out. */
struct instance_view {
    const char *id, *name, *version;
    const char *href;     /* the routes of it, through the instance that is asked */
    const char *url;      /* under which others reach it */
    const char *state;    /* "running", "unreachable", "gone", "conflict" */
    const char *problem;  /* why it is not running */
    const char *run;      /* only told among instances */
    int64_t last_seen_ns; /* since 1970; 0: never */
    bool is_self;
};

void view_instance(struct json *json, const struct instance_view *instance);
