/* The writing end of an answer's pipe (service/client.h has the form), in the loop: nothing here waits. What
 * does not fit into the pipe is kept, and the source of more is told to wait. */
#pragma once

#include "base/buffer.h"
#include "instances/loop.h"
#include "ops/request.h"

enum { REPLY_PENDING_MAX = 512 * 1024 };

/* Lies in its owner. */
struct reply {
    struct loop *loop;
    struct loop_watch watch; /* its fd is owned */
    struct buffer pending;
    size_t done;   /* of pending, written */
    uint64_t body; /* bytes of it so far */
    int code;      /* of reply_error; 0: none */
    bool is_chunked, is_begun, is_ended, is_broken, waits_for_room;
    void (*room)(struct reply *reply); /* all that was pending is written */
    void (*gone)(struct reply *reply); /* nobody reads any more, or all is written after reply_end: the owner
                                          releases it. Never called from within the functions below */
};

/* fd is taken over, also on failure. */
int reply_init(struct reply *reply, struct loop *loop, int fd, void (*room)(struct reply *),
               void (*gone)(struct reply *)) _must_check_;
void reply_release(struct reply *reply); /* closes the pipe: before reply_end, a cut */

/* The head of a good answer: length -1 unknown. */
int reply_begin(struct reply *reply, const struct fields *fields, int64_t length) _must_check_;
int reply_body(struct reply *reply, const void *bytes, size_t size) _must_check_; /* -EPIPE, -ENOBUFS */
bool reply_is_full(const struct reply *reply); /* wait for room before the next reply_body */
void reply_end(struct reply *reply);           /* it is whole */
/* Begins and ends it. */
void reply_error(struct reply *reply, int code, const char *message);
void reply_error_with(struct reply *reply, int code, const char *message, const char *set_cookie);
void reply_json(struct reply *reply, const struct buffer *text);
