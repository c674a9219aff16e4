/* Asks an address again and again which instance it is: GET /api/instances/self. */
#pragma once

#include "instances/fleet.h"

struct probe {
    struct call call; /* private, first */
    struct fleet *fleet;
    struct loop_timer timer;
    struct member *member; /* borrowed: what is learned goes there */
};

/* Begins at once; lies in its owner. */
void probe_start(struct probe *probe, struct fleet *fleet, struct member *member);
void probe_stop(struct probe *probe); /* accepts one that was never started, all zeros */
