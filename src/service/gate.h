/* Who may come in: what a request's client showed, and where its connection comes from, become a principal.
 * What takes time is asked of the authenticator (authenticator.h), and remembered for a while. */
#pragma once

#include "access/principal.h"
#include "ops/request.h"
#include "service/config.h"

#include <sys/types.h>

struct gate;

/* Reads socket-roles and certificate-roles, and starts the authenticator where there is something to check.
 * listen_fds: where connections come in. Events of epoll_fd carry GATE_EVENT + a number. config is borrowed.
 */
int gate_new(const struct config *config, const int *listen_fds, size_t listen_count, int epoll_fd,
             struct gate **ret_gate, struct error *error) _must_check_;
void gate_free(struct gate *gate);

#define GATE_EVENT 0x400000000ull

/* Whether somebody from another machine could show who he is. Without, only loopback and Unix sockets are
 * safe to listen on. */
bool gate_can_identify(const struct config *config);

/* 0: *ret_principal asks. -EINPROGRESS: gate_take will say so under that number. Others with a sentence:
 * -ENOKEY he has to show something else, -EACCES he may nothing, -EUSERS and -EAGAIN later. connection: may
 * be anything, since a front says that it is the client's; request->from gets where it comes from. */
int gate_ask(struct gate *gate, struct request *request, int connection, uint64_t number,
             struct principal *ret_principal, struct error *error) _must_check_;

/* What tells another instance who asks (access/cluster.h). -ENOKEY: there is no cluster-key. */
enum { GATE_TOKEN_SIZE = 1024 };
int gate_sign(const struct gate *gate, const struct principal *principal, const char *audience,
              const char *asked, char ret_token[GATE_TOKEN_SIZE]) _must_check_;

/* What became of one that was in progress. */
struct gate_answer {
    uint64_t number;
    int r; /* as of gate_ask */
    struct principal principal;
    struct error error;
};
/* To be called for events of the gate, and now and then, until it says false: there is none. */
bool gate_take(struct gate *gate, struct gate_answer *ret_answer);
uint64_t gate_next_deadline(const struct gate *gate); /* when to call it; UINT64_MAX: no need */
/* A child ended. False: it was none of the gate's. */
bool gate_child_ended(struct gate *gate, pid_t pid);

/* Has the files read again. What was known by them is forgotten. On failure the old ones stay, and the log
 * says so. True: they are other ones than before. */
bool gate_reload(struct gate *gate);
/* The same where a file has changed; looks once in GATE_LOOK_MS. */
enum { GATE_LOOK_MS = 1000 };
bool gate_look(struct gate *gate);
