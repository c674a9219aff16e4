/* The same operations, asked of a procscope somewhere else over HTTP. */
#pragma once

#include "ops/operation.h"

struct remote {
    const char *url;           /* http://HOST:PORT[/PREFIX], https://..., unix:PATH */
    const char *instance;      /* through which the one at url is to pass it on; NULL: its own */
    const char *ca_file;       /* NULL: the system's */
    const char *token;         /* shown to the service; NULL: none */
    bool (*is_unwanted)(void); /* asked now and then, also while nothing comes: true ends it. May be NULL */
};

/* As operation_run, of which it is the remote twin: calls answer's begin with the head, writes the body into
 * its sink. Errors: what the service said (its Message), CODE_UNREACHABLE (exit_code.h) where there is no
 * connection, CODE_CUT where the body ended before it was whole. */
int remote_run(const struct remote *remote, const struct request *request, struct answer *answer,
               struct error *error) _must_check_;
