/* The instances that clients can name: WEBSITE_INSTANCE_ID, or what the configuration says. There is one,
 * this service; whoever lists or looks up instances does it here. */
#pragma once

#include "service/config.h"

struct instance {
    const char *id; /* borrowed, as are all */
    const char *machine_name;
    bool is_own; /* the one that was asked: it answers itself */
};

struct instances {
    struct instance items[1];
    size_t count;
};

/* Borrows from config. */
void instances_read(const struct config *config, struct instances *ret_instances);

/* By its id in any case; NULL: there is none. */
const struct instance *instances_find(const struct instances *instances, const char *id);
