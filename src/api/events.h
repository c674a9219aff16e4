/* Server-Sent Events (WHATWG HTML, 9.2) of what all processes do. docs/EVENTS.md
 *
 * One operation `events` samples for all viewers of one role, who all see the same. It begins with the first
 * of them, and ends some seconds after the last one has gone, so that one who only lost the connection can go
 * on where it was. */
#pragma once

#include "api/event_ring.h"
#include "base/buffer.h"
#include "http/server.h"
#include "service/client.h"
#include "service/config.h"

struct viewer;

struct events {
    /* borrowed; set before the first call */
    const struct config *config;
    struct http_server *server;
    int channel; /* to the inspector */
    /* private */
    struct viewer *viewers;
    size_t viewer_count;
    bool is_running, has_head;
    struct answer_reader reader; /* while it is running */
    struct buffer incoming;      /* a frame that is not whole yet */
    struct event_ring ring;
    uint64_t unseen_since_ms; /* 0: somebody looks */
    bool is_stopping;
};

/* Once the server is gone, which gives up all viewers. */
void events_release(struct events *events);

/* A viewer who may watch, until `expires` (seconds since 1970; 0: for ever): answers him. */
void events_attach(struct events *events, struct http_exchange *exchange, int64_t expires);

/* The service stops: their streams end, and there are no new ones. */
void events_stop(struct events *events);
