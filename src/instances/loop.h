/* The one event loop of the process that talks to other instances: an epoll, libcurl's sockets in it, and
 * timers. Everything in this folder runs in it; nothing waits anywhere else. */
#pragma once

#include "instances/curl.h"

#include <stdint.h>

struct loop;

/* A descriptor that is waited for. Lies in its owner; stays where it is while it is added. */
struct loop_watch {
    int fd; /* borrowed */
    void (*ready)(struct loop_watch *watch, uint32_t events);
};

/* Something to be done at a time. Likewise. */
struct loop_timer {
    uint64_t due_ms; /* clock_monotonic_ms; UINT64_MAX: not now. May be set at any time */
    void (*run)(struct loop_timer *timer); /* due_ms is UINT64_MAX again by then */
    struct loop_timer *next;               /* private */
};

/* A transfer of libcurl. Its owner makes the handle and frees both; done may free them. */
struct loop_transfer {
    CURL *handle;
    void (*done)(struct loop_transfer *transfer, CURLcode code);
};

/* -EOPNOTSUPP where there is no libcurl. */
int loop_new(struct loop **ret_loop, struct error *error) _must_check_;
void loop_free(struct loop *loop); /* accepts NULL; transfers must be gone */

const struct curl_functions *loop_curl(const struct loop *loop);

/* events of epoll(7); 0 waits for hangup alone. */
int loop_watch_add(struct loop *loop, struct loop_watch *watch, uint32_t events) _must_check_;
int loop_watch_change(struct loop *loop, struct loop_watch *watch, uint32_t events) _must_check_;
void loop_watch_remove(struct loop *loop, struct loop_watch *watch);

void loop_timer_add(struct loop *loop, struct loop_timer *timer);
void loop_timer_remove(struct loop *loop, struct loop_timer *timer);

/* Begins it; done is called from the loop, never from here. */
int loop_transfer_add(struct loop *loop, struct loop_transfer *transfer) _must_check_;
/* Ends it without done. */
void loop_transfer_remove(struct loop *loop, struct loop_transfer *transfer);

/* Serves until loop_stop. */
int loop_run(struct loop *loop, struct error *error) _must_check_;
void loop_stop(struct loop *loop);
