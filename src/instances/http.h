/* What all requests to other machines have in common, and small ones whose answer is taken whole. */
#pragma once

#include "base/buffer.h"
#include "instances/loop.h"

/* How others are known to be who they are; the same for all requests of one kind. */
struct http_trust {
    const char *ca; /* PEM; NULL: the machine's own list */
    size_t ca_size;
};

/* Each option is one that libcurl has had for years, so failing means out of memory. */
int http_prepare(const struct curl_functions *curl, CURL *handle, const char *url,
                 const struct http_trust *trust) _must_check_;

/* A text of "Name: value" behind list, which it replaces. */
int http_list_add(const struct curl_functions *curl, struct curl_slist **list, const char *text) _must_check_;

/* A request and its answer. Lies in its owner, zeros at first; one at a time. */
struct call {
    struct loop_transfer transfer; /* private, first */
    struct loop *loop;
    struct curl_slist *headers;
    char problem[CURL_ERROR_SIZE];
    bool is_running;
    void (*done)(struct call *call);
    /* the answer: 0 where there is none, and then `failure` says why */
    long status;
    char failure[CURL_ERROR_SIZE];
    char local_address[64]; /* of our end */
    struct buffer body;
};

struct call_request {
    const char *url;
    const char *body; /* NULL: GET; else JSON to be posted. Copied */
    size_t body_size;
    const struct http_trust *trust;
    size_t answer_max;
    unsigned timeout_ms;
};

/* done is called from the loop, never from here. */
int call_begin(struct call *call, struct loop *loop, const struct call_request *request,
               void (*done)(struct call *call)) _must_check_;
void call_cancel(struct call *call); /* without done; accepts one that does not run, or never did */
