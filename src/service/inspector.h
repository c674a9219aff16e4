/* The privileged side: takes operation messages from the front's channel, checks them again, and runs each in
 * a worker process with a deadline, a memory limit and a place in a bounded queue. It parses nothing that a
 * target or the network wrote, and knows no HTTP. */
#pragma once

#include "ops/operation.h"
#include "service/config.h"

#include <sys/types.h>

struct inspector;
struct peers;

/* Whether rules and roles can be understood, before anything is opened. */
int inspector_check(const struct config *config, struct error *error) _must_check_;

/* config, context and table (of operations) are borrowed. listen_fds: where clients come in. Blocks SIGTERM,
 * SIGINT, SIGHUP and SIGCHLD in this process, which must have one thread, and ignores SIGPIPE. */
int inspector_new(const struct config *config, const struct operation_context *context,
                  const struct operation *table, const int *listen_fds, size_t listen_count,
                  struct inspector **ret_inspector, struct error *error) _must_check_;
/* Whom requests for other instances go to; borrowed. Without: they are operations that there are not. */
void inspector_set_peers(struct inspector *inspector, struct peers *peers);
/* Ends all workers. */
void inspector_free(struct inspector *inspector);

/* In the front, which shall not write where workers read. Nothing else may be done with it there. */
void inspector_forget_shared(struct inspector *inspector);

struct inspector_end {
    bool stopped;          /* somebody asked for it; else the front went away by itself */
    bool front_was_waited; /* front_pid was collected */
    int front_status;      /* then: of waitpid */
};

/* Serves the channel (the inspector's end, which is closed at the end) until the front ended or closed its
 * end, or, after SIGTERM or SIGINT, until the front ended or stop-timeout is over. front_pid gets
 * SIGTERM then; 0: there is none, and what runs is waited for. May be called again with another front. */
int inspector_run(struct inspector *inspector, int channel, pid_t front_pid, struct inspector_end *ret_end,
                  struct error *error) _must_check_;
