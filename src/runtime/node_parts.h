/* What asking Node for its heap consists of; used by node_*.c alone. All of it runs in the guard, a process
 * of its own (node_guard.c). */
#pragma once

#include "base/buffer.h"
#include "runtime/heap_fifo_file.h"
#include "runtime/node_port.h"

struct node_guard {
    const struct runtime_place *place;
    int parent;              /* to who asked for it; -1: that one is gone */
    bool is_done;            /* the heap's first bytes came */
    bool has_asked;          /* something was sent to the process: until then nothing of ours can be open */
    uint16_t inspector_port; /* where it would open, unless the program said otherwise since; 0: not known */
    struct heap_fifo_files files;
    struct node_ports before; /* who listened when we came, and who has since turned out to be no inspector */
};

/* Waits for fd (-1: only for time to pass), and takes note of what the parent says meanwhile: once that is
 * gone nobody wants the heap, and its FIFO loses its name. 1: fd is ready, 0: not yet, -ESRCH: the process
 * has ended. */
int node_guard_wait(struct node_guard *guard, int fd, short events, int timeout_ms) _must_check_;

/* Has the main thread evaluate the expression, which closes the inspector, and waits until it has, as long as
 * it takes. -EBADMSG: what listens there is no inspector; -EREMOTEIO: it refuses; -ESRCH; and where nothing
 * was asked -ETIMEDOUT, -ECONNREFUSED, ... */
int node_inspector_evaluate(struct node_guard *guard, const struct node_port *port, const char *expression,
                            struct error *error) _must_check_;

/* Has it write its heap, from the first look until its inspector is closed again. -ESRCH, -ECANCELED nobody
 * waits for it any more and nothing was sent, or with a sentence: -EBUSY, -EACCES, -EREMOTEIO, ... */
int node_ask(struct node_guard *guard, struct error *error) _must_check_;

/* Closes the inspector that one of us left open. -ESRCH, or an error without a sentence. */
int node_ask_nothing(struct node_guard *guard) _must_check_;

/* Closes an inspector that stayed open, or was opened again. 1: one was open, 0: none, or a negative errno.
 */
int node_close_again(struct node_guard *guard) _must_check_;

/* What the process was told about its inspector. */
struct node_options {
    uint16_t port;      /* where it would listen */
    bool is_told;       /* to listen from its beginning */
    bool is_secret;     /* it says by its standard error alone under which id it can be asked */
    bool is_restricted; /* it has no inspector */
};

/* -EACCES: its environment can't be read. */
int node_options_read(const struct pidref *process, struct node_options *ret_options) _must_check_;
/* Arguments and NODE_OPTIONS, as NUL-separated blocks; either may be empty. */
void node_options_parse(const struct buffer *arguments, const char *environment,
                        struct node_options *ret_options);

/* What the main thread is doing, seen from outside. */
enum node_state { NODE_AT_LOOP, NODE_RUNNING, NODE_ELSEWHERE };
int node_state_read(const struct pidref *process, enum node_state *ret_state) _must_check_;
/* Whether all that it was woken for is done: it waits in its loop, no signal and no event is pending. */
bool node_is_idle(const struct pidref *process);

/* Whether a descriptor of the process is that file. */
bool node_has_open(const struct pidref *process, int fd);
