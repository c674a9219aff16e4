/* The body of a request: kept where somebody may want it, and else read away. Of those that are kept all
 * together take no more than so much. */
#pragma once

#include "base/buffer.h"
#include "base/error.h"

enum {
    BODY_MAX = 64 * 1024,      /* that is read at all ... */
    BODY_KEPT = 16 * 1024,     /* ... and that is kept */
    BODIES_KEPT = 2048 * 1024, /* of a server's requests together */
};

struct request_body {
    bool is_wanted; /* set before the first piece */
    struct buffer kept;
    size_t seen;
    int lost; /* why it was not kept: an errno */
};

#define REQUEST_BODY_INIT ((struct request_body){.kept = BUFFER_INIT(BODY_KEPT)})

/* One more piece; *size is 0 afterwards, *all is what is kept of all. False: there is too much of it. */
bool request_body_take(struct request_body *body, const char *bytes, size_t *size, size_t *all);
void request_body_release(struct request_body *body, size_t *all);
/* As http_exchange_body. */
int request_body_text(const struct request_body *body, const char **ret_text,
                      struct error *error) _must_check_;
