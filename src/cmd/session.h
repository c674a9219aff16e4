/* Where a verb's questions go: to the operations in this program, or with --url to another procscope. Both
 * give the same bytes, so everything that is shown is made from JSON, once. */
#pragma once

#include "cmd/remote.h"
#include "cmd/terminal.h"
#include "cmd/verb.h"
#include "service/config.h"

#include <jansson.h>

struct session {
    const struct invocation *invocation;
    struct terminal out;
    bool json, header;
    struct remote remote; /* url NULL: here */
    struct buffer token;  /* what remote shows */
    struct procfs procfs;
    struct config config; /* of this machine: its names */
    struct operation_context context;
};

/* Reads the common options. 0, or an exit code after having complained. */
int session_open(const struct invocation *invocation, struct session *ret_session) _must_check_;
void session_close(struct session *session);
#define _cleanup_session_ _cleanup_(session_close)

int session_run(struct session *session, const struct request *request, struct answer *answer,
                struct error *error) _must_check_;

/* The whole answer of an operation that answers with JSON. */
int session_ask_json(struct session *session, const struct request *request, json_t **ret_json,
                     struct error *error) _must_check_;

/* Prints the answer as it is. own: an operation that no service has, to be run here; NULL: the one that the
 * request names. Returns the exit code. */
int session_print(struct session *session, const struct operation *own, const struct request *request);

static inline void cleanup_json(json_t **json)
{
    json_decref(*json);
}
#define _cleanup_json_ _cleanup_(cleanup_json)

/* What most verbs are: asks, prints the JSON itself where --json was given, else calls show. Returns the exit
 * code. show returns 0 or a negative errno of its own output. */
typedef int (*session_show)(struct session *session, const json_t *answer);
int session_answer(struct session *session, const struct request *request, session_show show);

/* The same; *ret_answer gets the answer for the caller to judge, where the exit code is 0. */
int session_answer_keep(struct session *session, const struct request *request, session_show show,
                        json_t **ret_answer) _must_check_;

/* A request about the process that the verb's first argument names (target.h). 0, or an exit code after
 * having complained. */
int session_request(struct session *session, const char *operation, struct request *ret_request) _must_check_;

/* Where debug files are looked for, as a verb's options say; NULL: as usual. 0, or an exit code after having
 * complained. */
int session_symbols(struct session *session, const char *directories, const char *urls) _must_check_;

/* fields_add to the arguments; 0, or an exit code after having complained. value NULL: nothing is added. */
int session_argument(struct request *request, const char *name, const char *value) _must_check_;
