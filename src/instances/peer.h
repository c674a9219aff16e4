/* The process that talks to other instances and to whatever knows them: procscope-peer. It has no capability
 * and sees no process of others; what it has to do comes from the inspector, each with the pipe to answer
 * into. docs/INSTANCES.md */
#pragma once

#include "service/service.h"

/* A peer_function (service/peers.h). start->data is the struct listeners whose addresses others may use. */
int peer_run(const struct peer_start *start);
