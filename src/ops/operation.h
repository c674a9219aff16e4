/* An operation: a verb, a target, arguments -> a head and a stream of bytes. Everything the program does is
 * one, and the same one runs under a route of the HTTP interface and under a verb of the command line. An
 * operation knows neither. The table of all of them is operations[]; each stands in a file of its own,
 * src/ops/NAME.c. */
#pragma once

#include "access/role.h"
#include "base/error.h"
#include "base/json.h"
#include "ops/request.h"
#include "proc/pidref.h"
#include "proc/procfs.h"
#include "stream/sink.h"

/* Where an operation runs; borrowed by all operations, unchanged while they run. */
struct operation_context {
    const struct procfs *procfs;
    pid_t service_pid;   /* what id 0 means */
    pid_t protected_pid; /* never ended by `stop` besides pid 1 and service_pid's own processes; 0 = none */
    const char *machine_name;  /* MACHINE of MACHINE\user */
    const char *instance_id;   /* as service/instance_id.h makes it, or configured */
    pid_t main_pid;            /* how -1 was configured: a pid ... */
    const char *main_name;     /* ... or a name ... */
    const char *main_pid_file; /* ... or a file; none of them: found out */
    uint64_t stall_ms;         /* how long a reader may take nothing while a target is held */
    uint64_t min_rate; /* bytes a second that it has to take meanwhile, averaged over stall_ms; 0: any */
    uint64_t light_ms; /* the deadline of a light operation; 0: none */
    uint64_t heavy_ms; /* ... and of one with OPERATION_HEAVY */
    uint64_t max_dump_bytes;         /* no dump is larger; 0: none */
    int (*early_end)(void);          /* a descriptor, readable when no more samples are wanted; NULL: never */
    const _Atomic int32_t *profiled; /* pids with a session, 0 between them; NULL: none are kept */
    size_t profiled_count;
    const struct metrics *metrics;     /* what was counted (ops/metrics.h); NULL: nothing is */
    bool redacts_environ;              /* dumps are made without the environment's own stream */
    const char *secrets;               /* parts of names whose values are masked (access/mask.h) ... */
    enum role unmasked;                /* ... for those below this role */
    const struct principal *principal; /* who asks; NULL: the person at this command line, who may all */
    /* Asked once the target is known (NULL: an operation without one), before anything is done to it: lets it
     * be, or refuses with an error. NULL: all may be */
    int (*admit)(const struct operation_context *context, const struct request *request,
                 const struct pidref *target, struct error *error);
    /* The same question for one process of many, without an error: whether it may be looked into. NULL: all
     */
    bool (*may)(const struct operation_context *context, const struct request *request,
                const struct pidref *target);
    void *admit_data;
};

struct metrics;

/* What goes before the bytes. */
struct answer_head {
    const char *content_type;
    const char *file_name; /* NULL: shown, not saved */
    int64_t length; /* of the body in bytes; -1 unknown, and then only a clean end means that it is whole */
    const struct fields *extra;      /* further facts, X-Dump-... ; may be NULL */
    const struct request_told *told; /* whose answer it is, for the front's own use; NULL: nobody asks */
    bool holds; /* a target is held, or its snapshot lives, while the body is written: its reader must keep up
                 */
};

/* Where an operation's answer goes. The operation calls begin once, writes the body into the sink (owned by
 * the answer) and returns. Returning an error before begin is an error answer, after it a cut stream. */
struct answer {
    int (*begin)(struct answer *answer, const struct answer_head *head, struct sink **ret_sink,
                 struct error *error);
    /* For how long a target was held, once it runs again; at most once. NULL: nobody keeps account. */
    void (*held)(struct answer *answer, uint64_t ns);
};

static inline void answer_held(struct answer *answer, uint64_t ns)
{
    if (answer->held)
        answer->held(answer, ns);
}

enum operation_flags {
    OPERATION_HEAVY = 1 << 0,   /* gets a worker of its own and counts against the limit of dumps */
    OPERATION_CHANGES = 1 << 1, /* changes the target: not for GET */
    OPERATION_SESSION =
        1 << 4, /* goes to the worker that has the target's session (ops/profile_session.h) ... */
    OPERATION_BEGINS_SESSION = 1 << 5, /* ... or begins one */
    OPERATION_GIVES_UP = 1 << 3,       /* pointless once its reader has gone: its worker is ended */
    OPERATION_ENDLESS = 1 << 6,        /* ends by its reader's going away, and has no deadline */
    OPERATION_KEEPS_HEAP = 1 << 8,     /* with HEAVY: its memory grows with the objects of a managed heap */
    OPERATION_LEARNS = 1 << 7,         /* a kept worker that did it for this target before is faster at it */
    OPERATION_NO_TARGET = 1 << 9,      /* it is of all processes */
    OPERATION_AUDITED = 1 << 10,       /* the audit tells of it, though a reader may ask for it */
    OPERATION_ELSEWHERE =
        1 << 12, /* is not done here: another instance has to do with it (service/peers.h) */
    OPERATION_OWN_WORKER = 1 << 2, /* may take long without much work: a worker of its own, no dump */
};

enum argument_type {
    ARGUMENT_STRING,
    ARGUMENT_NUMBER,
    ARGUMENT_BOOLEAN,
    ARGUMENT_DURATION,
    ARGUMENT_SIZE, /* bytes: 4096, 64K, 2G */
    ARGUMENT_ADDRESS
};

struct operation_argument {
    const char *name; /* as in the query string: dumpType */
    enum argument_type type;
    const char *help;
};

/* One of the forms that an answer can have, for a client that says in Accept what it takes. */
struct operation_form {
    const char *format; /* the value of the argument 'format'; NULL ends the table */
    const char *type;   /* as in Content-Type */
};

struct operation {
    const char *name;    /* list, show, threads, ... */
    const char *summary; /* one line for --help and openapi.json */
    unsigned flags;
    enum role role;                             /* the least that may ask for it */
    const struct operation_argument *arguments; /* ends with a NULL name; NULL: none */
    const struct operation_form *forms;         /* the first is for who does not say; NULL: no choice */
    const char *waits; /* the duration argument that is added to its deadline; NULL: none */
    const char *light; /* the boolean argument with which a heavy one only looks; NULL: none. So does HEAD */
    int (*run)(const struct operation_context *context, const struct request *request, struct answer *answer,
               struct error *error);
};

extern const struct operation operations[]; /* ends with a NULL name */

/* Its flags for this very request: without OPERATION_HEAVY, or OPERATION_ENDLESS, where it only looks. */
unsigned operation_request_flags(const struct operation *operation, const struct request *request);

const struct operation *operation_find(const char *name); /* NULL: unknown */
const struct operation *operation_find_in(const struct operation *table, const char *name);

/* For one whose role is not enough. -EACCES with a sentence that says which it takes. */
int operation_check_role(const struct principal *principal, enum role least, const char *what,
                         struct error *error) _must_check_;

/* Checks that the operation exists and the arguments are of its own and of their types, then runs it. Used by
 * the worker and the command line alike. Returns 0 or a negative errno with error filled. */
int operation_run(const struct operation_context *context, const struct request *request,
                  struct answer *answer, struct error *error) _must_check_;

/* The same for one that was found already, in whatever table. */
int operation_call(const struct operation *operation, const struct operation_context *context,
                   const struct request *request, struct answer *answer, struct error *error) _must_check_;

/* For operations: opens the process that the request names (0, -1, or a pid). -ESRCH "Process with an Id of N
 * is not running." */
int operation_target(const struct operation_context *context, const struct request *request,
                     struct pidref *ret_target, struct error *error) _must_check_;

#define JSON_CONTENT_TYPE "application/json; charset=utf-8"

/* For operations: answers with a whole JSON document. */
int operation_answer_json(struct answer *answer, struct json *json, struct error *error) _must_check_;
