/* What somebody shows of himself: the Authorization header (RFC 9110, 11.6.2; Bearer RFC 6750, Basic
 * RFC 7617), taken apart. Hostile input. */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>

enum { CREDENTIAL_MAX = 8 * 1024 };
#define TOKEN_PREFIX "pst_" /* what tokens of ours begin with */

enum credential_kind {
    CREDENTIAL_TOKEN,
    CREDENTIAL_JWT,
    CREDENTIAL_PASSWORD, /* name and password */
};

struct credential {
    enum credential_kind kind;
    char *text;          /* the token, or the password; points into storage */
    const char *name;    /* of CREDENTIAL_PASSWORD; likewise */
    char *storage;       /* owned */
    size_t storage_size; /* cleared before it is freed */
};

/* A token of ours may also stand in place of a password, under any name: so a browser's own dialogue takes
 * it, too. -EINVAL: it is none of these; -ENOMEM. */
int credential_parse(const char *authorization, struct credential *ret_credential) _must_check_;
void credential_release(struct credential *credential);
#define _cleanup_credential_ _cleanup_(credential_release)

/* Whether it is of the scheme Basic, which may take long to check. */
bool credential_is_basic(const char *authorization);
