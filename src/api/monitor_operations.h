/* What dotnet-monitor calls operations: the artifacts that were asked for by its routes, those that are being
 * sent and the last of those before. They are forgotten when the front is started anew. */
#pragma once

#include "api/answer_source.h"
#include "base/guid.h"
#include "base/json.h"
#include "ops/request.h"

enum { MONITOR_OPERATIONS_MAX = 128, MONITOR_TAGS_SIZE = 160 };

enum monitor_state { MONITOR_NONE, MONITOR_RUNNING, MONITOR_SUCCEEDED, MONITOR_FAILED, MONITOR_CANCELLED };

struct monitor_operation {
    struct answer_watcher watcher; /* first */
    enum monitor_state state;      /* MONITOR_NONE: the place is free */
    char id[GUID_TEXT_SIZE];
    int64_t created;                /* ns since 1970 */
    struct request_told process;    /* until the head is there, what its client said; 0 and "": nothing */
    char tags[MONITOR_TAGS_SIZE];   /* with commas between */
    char error[256];                /* of MONITOR_FAILED */
    char location[320];             /* its URI, which goes out with a good head */
    struct http_exchange *exchange; /* while it runs */
};

struct monitor_operations {
    struct monitor_operation *items; /* owned */
    uint8_t seed[GUID_SIZE];
    uint64_t count; /* of all that ever were */
};

int monitor_operations_init(struct monitor_operations *operations) _must_check_;
void monitor_operations_release(struct monitor_operations *operations);

/* A new one, running; NULL: all places are taken by such ones. tags may be NULL. Its location, and what is
 * said of its process, is the caller's to fill. */
struct monitor_operation *monitor_operations_begin(struct monitor_operations *operations,
                                                   struct http_exchange *exchange, const char *tags);
/* It did not come about. */
void monitor_operations_forget(struct monitor_operation *operation);

/* NULL: there is none. */
struct monitor_operation *monitor_operations_find(const struct monitor_operations *operations,
                                                  const char *id);
/* -EINVAL: it does not run any more. */
int monitor_operations_cancel(struct monitor_operation *operation) _must_check_;

/* Those that are of the process and have all of the tags; NULL or 0: any. */
struct monitor_filter {
    int64_t pid;
    const char *uid, *name, *tags;
};
void monitor_operations_write_all(const struct monitor_operations *operations,
                                  const struct monitor_filter *filter, struct json *json);
void monitor_operations_write(const struct monitor_operation *operation, struct json *json);
