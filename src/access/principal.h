/* Who asks: decided once, on the inspector's side, from what he showed. */
#pragma once

#include "access/role.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { PRINCIPAL_NAME_SIZE = 128 };

enum principal_kind {
    PRINCIPAL_ANONYMOUS,   /* came over loopback and showed nothing */
    PRINCIPAL_USER,        /* of this machine, as the kernel says of a Unix socket */
    PRINCIPAL_TOKEN,       /* by a bearer token of ours */
    PRINCIPAL_PASSWORD,    /* by name and password */
    PRINCIPAL_JWT,         /* by a token that somebody else has signed */
    PRINCIPAL_CERTIFICATE, /* by a client certificate */
    PRINCIPAL_INSTANCE,    /* another instance says who it is */
};

/* Holds no pointers: it is sent between processes of ours as it is. */
struct principal {
    enum role role;
    enum principal_kind kind;
    uid_t user;      /* of this machine; (uid_t)-1: not known */
    int64_t expires; /* seconds since 1970; 0: never */
    char name[PRINCIPAL_NAME_SIZE];
};

const char *principal_kind_name(enum principal_kind kind);

/* The name becomes printable ASCII and is cut where it is too long: it stands in logs. */
void principal_set_name(struct principal *principal, const char *name);

/* Whether each member is within its bounds, for one that came from another process. */
bool principal_is_sound(const struct principal *principal);
