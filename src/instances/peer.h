/* The process that talks to other instances and to whatever knows them: procscope-peer. It has no capability
 * and sees no process of others; what it has to do comes from the inspector, each with the pipe to answer
 * into. docs/INSTANCES.md */
#pragma once

#include "base/buffer.h"
#include "http/listen.h"
#include "service/service.h"

struct peer_setup {
    const struct listeners *listeners;  /* whose addresses others may use */
    struct buffer peer_ca, registry_ca; /* PEM (access/authorities.h); empty: whom the machine trusts */
};

/* A peer_function (service/peers.h). start->data is a struct peer_setup. */
int peer_run(const struct peer_start *start);
