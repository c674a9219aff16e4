/* What Node's inspector answers: HTTP until the connection is a websocket, then its frames. All of it may be
 * anything, since whoever listens there answers.
 *
 * Source: RFC 6455, 5.2; node src/inspector_socket.cc, inspector_socket_server.cc. */
#pragma once

#include "base/buffer.h"

#include <sys/types.h>

enum { NODE_TARGET_SIZE = 64, NODE_MESSAGE_MAX = 4096 };

/* The id of the first target in the answer to GET /json/list, as far as it has come: 1, 0 not yet, -EBADMSG
 * it is another answer. */
int node_target_id(const char *answer, size_t size, char ret_id[NODE_TARGET_SIZE]) _must_check_;

/* How much of the answer to an upgrade is its head: > 0, 0 not all of it yet, -EBADMSG it was refused. */
ssize_t node_upgrade_size(const char *answer, size_t size) _must_check_;

/* Frames as they come, cut anywhere. */
struct node_frames {
    bool is_closed;                     /* the other end says that it closes */
    bool has_message;                   /* a whole one came: message */
    char message[NODE_MESSAGE_MAX + 1]; /* the beginning of the last text; NUL-terminated */
    size_t message_size;

    /* private */
    uint8_t head[10];
    size_t head_size;
    uint64_t left; /* of the present frame's contents */
    bool is_in_contents;
};

/* -EBADMSG: no frames that a server sends. */
int node_frames_take(struct node_frames *frames, const void *bytes, size_t size) _must_check_;

/* A text as a client's frame, up to 65,535 bytes. */
int node_frame_put(struct buffer *out, const char *text, size_t size) _must_check_;
