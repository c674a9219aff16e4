/* What is asked of an operation, and how it travels: one message of named text fields, the same form as an
 * answer's head.
 *
 * On the wire (little endian): u32 magic, u16 version, u16 count, then count times u16 name size, u32 value
 * size, name, value. No NULs inside names; values are bytes without NUL. Nothing may stand behind the last
 * field. */
#pragma once

#include "access/principal.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/guid.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct field {
    char *name, *value; /* owned */
};

struct fields {
    struct field *items;
    size_t count, capacity;
};

void fields_release(struct fields *fields);
int fields_add(struct fields *fields, const char *name, const char *value) _must_check_;
int fields_add_format(struct fields *fields, const char *name, const char *format, ...) _must_check_
    _printf_(3, 4);
const char *fields_get(const struct fields *fields, const char *name); /* the last of that name; NULL: none */
int fields_encode(const struct fields *fields, struct buffer *out) _must_check_;
/* -EBADMSG for anything but one whole message; ret_fields must be empty and is untouched on failure. */
int fields_decode(const void *bytes, size_t size, struct fields *ret_fields) _must_check_;
#define _cleanup_fields_ _cleanup_(fields_release)

/* Whose form the answer has. Only operations whose JSON differs look at it. */
enum dialect {
    DIALECT_KUDU,
    DIALECT_ENVELOPED, /* Kudu's own, in the envelopes that it has for Azure's front end */
    DIALECT_ARM,       /* Azure Resource Manager's */
    DIALECT_MONITOR,   /* dotnet-monitor's */
};

/* Ids that are not pids. */
enum {
    REQUEST_ID_SELF = 0,
    REQUEST_ID_MAIN = -1,
    REQUEST_ID_WANTED = -2 /* found by its wanted_uid and wanted_name */
};

/* Which process it was, for those who keep an account. */
struct request_told {
    pid_t pid; /* 0: none was opened */
    char uid[GUID_TEXT_SIZE];
    char name[256];
};

struct request {
    char operation[32];
    int64_t id;      /* a pid, or one of the above; 0 for operations without a target */
    int64_t child;   /* thread id or, as bits, a module's base; 0 where there is none */
    char base[1024]; /* absolute URI of the collection, "http://host/api/processes", that hrefs begin with; ""
                        = none */
    enum dialect dialect;
    char resource[1024]; /* path of what was asked for, "/subscriptions/...", where answers have envelopes */
    char location[64];   /* that goes into envelopes; "" none */
    char wanted_uid[GUID_TEXT_SIZE]; /* that the process has to have; "" any */
    char wanted_name[256];           /* likewise */
    bool for_reader;                 /* whoever it is, he is to be no more than a reader */
    bool head_only;                  /* only the answer's head is wanted: HEAD */
    struct fields arguments;
    /* From the front to the inspector: what the client showed. Owned; NULL: nothing */
    char *authorization;         /* the header, as it came */
    char *asked;                 /* "GET /target", of one that another instance has signed */
    char *certificate;           /* whose the verified client certificate is ... */
    int64_t certificate_expires; /* ... and until when; seconds since 1970, 0: for ever */
    /* From the inspector to a worker, in place of it: */
    struct principal principal; /* ROLE_NONE: not decided yet */
    uint64_t number;            /* of the request, in the audit */
    char from[64];              /* the client's address, for the audit; "" unknown */
    /* In a worker: is filled once the process is known; NULL: nobody asks. Never on the wire */
    struct request_told *told;
};

void request_release(struct request *request);
int request_encode(const struct request *request, struct buffer *out) _must_check_;
/* As a front sends it: one that says who asks is malformed, for that is not the front's to say. */
int request_decode(const void *bytes, size_t size, struct request *ret_request,
                   struct error *error) _must_check_;
/* As the inspector hands it on: one that does not say it is malformed. */
int request_decode_admitted(const void *bytes, size_t size, struct request *ret_request,
                            struct error *error) _must_check_;
#define _cleanup_request_ _cleanup_(request_release)

/* Typed arguments with a default where they were not given. -EINVAL with a sentence that names argument and
 * value. */
const char *request_string(const struct request *request, const char *name); /* NULL: not given */
int request_u64(const struct request *request, const char *name, uint64_t otherwise, uint64_t maximum,
                uint64_t *ret_value, struct error *error) _must_check_;
int request_bool(const struct request *request, const char *name, bool otherwise, bool *ret_value,
                 struct error *error) _must_check_;
int request_size(const struct request *request, const char *name, uint64_t otherwise, uint64_t *ret_value,
                 struct error *error) _must_check_;
int request_duration_ms(const struct request *request, const char *name, uint64_t otherwise, uint64_t maximum,
                        uint64_t *ret_value, struct error *error) _must_check_;
