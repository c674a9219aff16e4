/* The inspector's side of the process that talks to other instances (src/instances): starts it, starts
 * another where it ended, and hands requests on to it, each with its pipe. */
#pragma once

#include "service/gate.h"
#include "service/job.h"

#include <sys/types.h>

/* What that process starts with: already the unprivileged user without capabilities and new privileges.
 * SIGTERM tells it that the service stops (it goes on with what runs), the end of the channel that it is
 * over.
 */
struct peer_start {
    int channel; /* requests, each with the pipe to answer into */
    const struct config *config;
    void *data; /* the caller's */
};
/* Returns the exit code. Before it takes in the first byte from outside it calls sandbox_seal_peer. */
typedef int peer_function(const struct peer_start *start);

/* What the inspector is told when a request that was passed on is over. */
struct peers_report {
    uint64_t number; /* the request's */
    uint64_t bytes;  /* of the body that the client got */
    int32_t code;    /* 0 or a positive errno; EREMOTEIO: the other one's answer was an error */
    int32_t has_begun;
};

#define PEERS_END_ENDLESS "end-endless" /* comes without a pipe */

struct peers {
    const struct config *config; /* borrowed */
    peer_function *run;          /* NULL: there is no such process, and no other instance */
    void *data;
    /* private */
    pid_t pid;   /* 0: none */
    int channel; /* -1: none */
    uint64_t started_ms;
};

#define PEERS_INIT(settled_config, function, callers_data)                                                   \
    ((struct peers){.config = (settled_config), .run = (function), .data = (callers_data), .channel = -1})

/* All of these take NULL: there is none.
 * Does nothing where it runs, or where there is none. Where it can't be started, it is tried again later. */
void peers_start(struct peers *peers);
/* Whether pid was it, which was waited for. Another is started by peers_tick. */
bool peers_child_ended(struct peers *peers, pid_t pid, int status);
/* When peers_tick has something to do, in clock_monotonic_ms; UINT64_MAX: nothing. */
uint64_t peers_next_ms(const struct peers *peers);
void peers_tick(struct peers *peers, uint64_t now_ms);

/* What is for it: "forward" and "instance-list". They have no function. */
extern const struct operation peers_operations[];
/* Hands an admitted job on, signed where another instance is to know who asks; it stays the caller's, who
 * frees it then. -EOPNOTSUPP, -EAGAIN, -EACCES with a sentence. */
int peers_give(struct peers *peers, struct job *job, const struct gate *gate,
               struct error *error) _must_check_;
/* The next one that it has told. False: there is none yet. */
bool peers_take_report(struct peers *peers, struct peers_report *ret_report);
/* Ends the streams that have no end: whoever watches has to show again who he is. */
void peers_end_endless(struct peers *peers);

void peers_stopping(struct peers *peers); /* the service stops */
void peers_end(struct peers *peers);      /* and is over: ends it, by force where it takes long */
