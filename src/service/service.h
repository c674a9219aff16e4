/* What `serve` runs: the inspector in the calling process, so that its pid is the service's pid and id 0, and
 * the front as its child. Listening sockets are made before, by the caller, and live on when a front dies and
 * another one takes its place. */
#pragma once

#include "service/config.h"
#include "service/peers.h"

#include <sys/types.h>

/* What a front starts with. It runs in a process of its own that already is the unprivileged user without
 * capabilities and new privileges, and gets SIGTERM to stop: listen no more, finish the answers that run,
 * return. SIGPIPE is ignored and SIGINT too (the service sends SIGTERM). */
struct front_start {
    int channel;           /* to the inspector, for inspector_call; its end means that the service is gone */
    const int *listen_fds; /* listening, non-blocking */
    size_t listen_count;
    const struct config *config; /* settled */
    pid_t service_pid;           /* what id 0 means */
    void *data;                  /* the caller's */
};

/* A front that ends with this finds something wrong that another one would find, too, and has said what. */
enum { FRONT_IS_MISCONFIGURED = 78 /* EX_CONFIG */ };

/* Returns the exit code of the front. Before it takes in the first byte from outside it calls
 * sandbox_seal_front (service/sandbox.h). */
typedef int front_function(const struct front_start *start);

/* Each gets its data. peer is run where the configuration has a registry; may be NULL.
 * Runs until SIGTERM, SIGINT or the stop of id 0. Returns 0 after a clean stop; else a negative errno with
 * error filled. config must be settled. */
int service_run(const struct config *config, const int *listen_fds, size_t listen_count,
                front_function *front, void *front_data, peer_function *peer, void *peer_data,
                struct error *error) _must_check_;
