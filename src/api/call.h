/* From a request of HTTP to an operation: what all dialects have in common. */
#pragma once

#include "api/answer_source.h"
#include "base/networks.h"
#include "http/exchange.h"
#include "http/router.h"
#include "http/target.h"
#include "ops/operation.h"
#include "service/client.h"
#include "service/config.h"

struct caller {
    int channel;                 /* to the inspector */
    const char *prefix;          /* "" or "/prefix": where the service stands behind a proxy */
    const struct config *config; /* borrowed */
    struct networks front_ends;  /* whose word is taken for what a client may see */
    /* the front's own, where this one is of a request alone; itself, where it is not */
    const struct caller *lasting;
};

/* The absolute URI that hrefs begin with, from what the client sees: scheme, Host, prefix, path. */
int call_set_base(const struct caller *caller, const struct http_exchange *exchange, const char *path,
                  size_t path_size, struct request *request, struct error *error) _must_check_;

/* Fills request with the operation and the arguments it knows of target, asks the inspector and has its
 * answer go out with `status`, under the eyes of watcher (NULL: nobody's). The rest of request (base, id,
 * child, dialect) is the dialect's. On failure nothing was answered. */
int call_operation(const struct caller *caller, struct http_exchange *exchange,
                   const struct operation *operation, const struct target *target, struct request *request,
                   unsigned status, struct answer_watcher *watcher, struct error *error) _must_check_;

/* What others call an argument of ours. */
struct call_alias {
    const char *operation, *name, *argument;
};
extern const struct call_alias call_aliases[]; /* ends with a NULL operation */

/* What a pattern took out of the path into the request: the id, and a child or an environment's filter. */
int call_add_captures(const struct route_match *match, struct request *request) _must_check_;

/* Answers where a table has no route for the request: 404 or 405. */
void call_answer_unmatched(struct http_exchange *exchange, const struct route_match *match);
