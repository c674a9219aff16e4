/* Who has which role without a token or password: users of this machine (socket-roles), client certificates
 * (certificate-roles), and who shows nothing (anonymous-role). */
#pragma once

#include "access/principal.h"
#include "service/config.h"

enum { GATE_ROLES_MAX = 256 };

struct gate_role {
    char *name; /* owned; "*": all others */
    uid_t user; /* of socket-roles; (uid_t)-1 with "*" */
    enum role role;
};

struct gate_roles {
    enum role anonymous;
    uid_t own; /* the service's own user, who may all, as root may */
    struct gate_role *users, *certificates;
    size_t user_count, certificate_count;
};

/* can_identify: clients can show something, so that who shows nothing may nothing unless configured. */
int gate_roles_read(struct gate_roles *roles, const struct config *config, bool can_identify,
                    struct error *error) _must_check_;
void gate_roles_release(struct gate_roles *roles);

void gate_roles_of_user(const struct gate_roles *roles, uid_t user, struct principal *ret_principal);
void gate_roles_of_certificate(const struct gate_roles *roles, const char *name, int64_t expires,
                               struct principal *ret_principal);
void gate_roles_of_anonymous(const struct gate_roles *roles, struct principal *ret_principal);
