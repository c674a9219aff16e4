/* Where the other instances are learned from. It fills members by itself, in the loop. */
#pragma once

#include "instances/fleet.h"

struct registry_ops {
    int (*start)(struct fleet *fleet, struct registry **ret_registry);
    /* Tells the others that we go; done by itself or not at all. */
    void (*leave)(struct registry *registry);
    bool (*has_left)(const struct registry *registry);
    void (*free)(struct registry *registry);
};

struct registry {
    const struct registry_ops *ops;
};

extern const struct registry_ops registry_static_ops, registry_dns_ops, registry_etcd_ops;
