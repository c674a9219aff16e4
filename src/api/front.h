/* The front: the unprivileged process that speaks HTTP. */
#pragma once

#include "http/listen.h"
#include "service/service.h"

/* A front_function (service/service.h); start->data is the struct listeners whose sockets it serves. */
int front_run(const struct front_start *start);
