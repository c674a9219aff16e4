/* One request and its answer, as whoever answers sees them.
 *
 * The handler is called once the request is whole and calls exactly one http_answer_ function before it
 * returns. The exchange belongs to the server and lives until the answer is sent or the client is gone. */
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "http/listen.h"
#include "http/method.h"
#include "http/problem.h"

#include <sys/socket.h>
#include <sys/types.h>

struct http_exchange;

/* The request. */
enum http_method http_exchange_method(const struct http_exchange *exchange);
const char *http_exchange_target(const struct http_exchange *exchange); /* as it came: "/x?y=z" */
const char *http_exchange_header(const struct http_exchange *exchange, const char *name); /* NULL: not sent */
/* Each header of this name in turn, until `each` is true of one, and whether it was. */
bool http_exchange_headers(const struct http_exchange *exchange, const char *name,
                           bool (*each)(void *context, const char *value), void *context);
const struct sockaddr *http_exchange_peer(const struct http_exchange *exchange); /* NULL: unknown */
/* Whose the client's certificate is, which has been verified: its common name; NULL: it showed none, or
 * it is good no longer. expires: seconds since 1970, of the first in its chain; 0: never. */
const char *http_exchange_certificate(const struct http_exchange *exchange, int64_t *ret_expires);
int http_exchange_socket(const struct http_exchange *exchange); /* of its connection; -1: unknown */
/* Whether it is of a page of another origin that may use this service (cors.h). */
bool http_exchange_is_of_allowed_origin(const struct http_exchange *exchange);
const struct listener *http_exchange_listener(const struct http_exchange *exchange); /* that it came in at */

/* The body of a POST, as text that lives as long as the exchange; NULL: there is none. -EFBIG (413): it is
 * too large, -EAGAIN (503): there are too many of them at once, -EINVAL: it is no text. */
int http_exchange_body(const struct http_exchange *exchange, const char **ret_text,
                       struct error *error) _must_check_;

/* Which route it is, for who counts. Both borrowed, static. */
struct route;
void http_exchange_set_route(struct http_exchange *exchange, const char *root, const struct route *route);

/* One that is over. */
struct http_record {
    enum http_method method;
    const char *root; /* as they were set; NULL: they were not */
    const struct route *route;
    unsigned status; /* 0: there was no answer */
    bool is_cut;     /* there was one, and it was not sent whole */
    uint64_t took_ns;
};

/* The answer. Headers are set before; what is not fit for a header is dropped, as is one too many. */
void http_header(struct http_exchange *exchange, const char *name, const char *value);

/* bytes: static, live as long as the program. */
void http_answer_static(struct http_exchange *exchange, unsigned status, const char *type, const void *bytes,
                        size_t size);
/* Takes body's memory over and leaves it empty. */
void http_answer_buffer(struct http_exchange *exchange, unsigned status, const char *type,
                        struct buffer *body);
void http_answer_empty(struct http_exchange *exchange, unsigned status);
/* A problem (problem.h) with Retry-After where its status has one, in the form that was set (else Kudu's). */
void http_problem_form(struct http_exchange *exchange, enum problem_form form);
enum problem_form http_exchange_problem_form(const struct http_exchange *exchange);
void http_answer_problem(struct http_exchange *exchange, unsigned status, const char *message);
void http_answer_error(struct http_exchange *exchange, const struct error *error);

/* Ends an answer that comes from a source, and the source with it: by this problem where its head is not
 * there yet, else the body stops short. Not from within the source's own functions. */
void http_exchange_cancel(struct http_exchange *exchange, unsigned status, const char *message);

/* A body that comes from elsewhere, at its own pace, with its head in front. */
struct http_source;

struct http_source_head {
    unsigned status;
    const char *type; /* borrowed until the source is freed; NULL: none */
    int64_t length;   /* -1 unknown */
    uint64_t
        stall_ms; /* of a stream without an end: what was sent is given up, and its client with it, when it
                     is not taken for so long; 0: the server's idle_ms, which counts only what waits here */
};

struct http_source_ops {
    /* 0: the head is there and further headers were set with http_header. -EAGAIN: wait for fd. Others: there
     * will be none, a 500. It may also give an answer of its own, http_answer_source with another source
     * among them, which then takes its place. */
    int (*head)(struct http_source *source, struct http_exchange *exchange,
                struct http_source_head *ret_head);
    /* > 0: so many bytes; 0: the end, all is there; -EAGAIN: wait for fd; others: it was cut off. */
    ssize_t (*read)(struct http_source *source, void *bytes, size_t size);
    /* Like read, but into an empty pipe. May be NULL; only called where the length is known. */
    ssize_t (*move)(struct http_source *source, int pipe, size_t size);
    void (*free)(struct http_source *source); /* tells the other end that nobody listens any more */
};

struct http_source {
    const struct http_source_ops *ops;
    int fd; /* a pipe, non-blocking; its owner is the source */
};

/* Takes source over. Whether the answer can be given is decided by its head. */
void http_answer_source(struct http_exchange *exchange, struct http_source *source);
