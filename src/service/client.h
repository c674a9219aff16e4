/* The front's side of the inspector: an operation message and the writing end of a pipe go over, the answer
 * comes back through the pipe:
 *
 *     u32 little-endian size of the head, the head as fields (src/ops/request.h): "code" (errno, 0 = good),
 *     "message", "type", "file", "length" (left out: unknown), "x:NAME" for extra headers,
 *     "pid", "uid" and "name" of the process where the dialect is dotnet-monitor's;
 *     then the body: where the length is known, so many bytes; else chunks of u32 little-endian size and
 *     bytes, up to a chunk of size 0.
 *
 * A body that ends before that is a cut stream: the worker died or reached its deadline.
 * Sending never blocks: -EAGAIN means that the inspector is not keeping up, and is a 503 to the client. */
#pragma once

#include "base/error.h"
#include "ops/request.h"

/* channel: the front's end of the socketpair. connection: the client's, from which the inspector itself sees
 * where it comes from; -1: none. Gives the reading, non-blocking end of the answer's pipe. */
int inspector_call(int channel, const struct request *request, int connection, int *ret_answer_fd,
                   struct error *error) _must_check_;

struct answer_message {
    int code;       /* 0 or a positive errno; then "message" of the fields says why, and the body is empty */
    int64_t length; /* -1 unknown */
    struct fields fields;
};
void answer_message_release(struct answer_message *message);
int answer_message_decode(const void *bytes, size_t size, struct answer_message *ret_message) _must_check_;

/* Reads one answer, at the pace of whoever asks. */
struct answer_reader {
    int fd; /* owned */
    struct buffer head;
    struct answer_message message; /* once answer_reader_head gave 0 */
    bool has_message;
    uint64_t remaining; /* of the body, or of the present chunk */
    unsigned char chunk_size[4];
    size_t chunk_size_have;
    bool ended;
};

#define ANSWER_READER_INIT(answer_fd) ((struct answer_reader){.fd = (answer_fd)})

void answer_reader_release(struct answer_reader *reader); /* closes fd: the worker sees that nobody listens */
#define _cleanup_answer_reader_ _cleanup_(answer_reader_release)

/* 0: reader->message holds the head. -EAGAIN: not yet here, poll reader->fd for reading. -EPIPE: it ended
 * before a head came, -EBADMSG: it is no head; both are a fault of ours, a 500. */
int answer_reader_head(struct answer_reader *reader) _must_check_;

/* After the head: up to size bytes of the body. > 0: their count; 0: the end, and the body is whole; -EAGAIN:
 * poll; -EPIPE: cut. */
ssize_t answer_reader_read(struct answer_reader *reader, void *bytes, size_t size) _must_check_;

/* The same into an empty pipe, without a copy: the kernel hands the pages on. Only of a body whose length is
 * known. */
ssize_t answer_reader_move(struct answer_reader *reader, int pipe, size_t size) _must_check_;
