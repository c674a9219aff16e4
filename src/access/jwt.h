/* Signed tokens of others: JWS compact form (RFC 7515) with the claims of RFC 7519. ES256 and RS256, which
 * are by public keys; what is signed with a secret (HS256) or not at all (none) is refused, as is what names
 * another algorithm than its key's (RFC 8725). Hostile input. */
#pragma once

#include "access/jwt_keys.h"
#include "access/principal.h"

/* What a token has to say. */
struct jwt_demands {
    const char *issuer;     /* NULL: any */
    const char *audience;   /* never NULL: a token for somebody else is not for us */
    const char *role_claim; /* a role's name, or an array of texts with roles among them: the most counts */
    const char *name_claim;
};

/* Clocks of two machines differ: so many seconds are let pass for nbf and iat. */
enum { JWT_LEEWAY = 30 };

/* now in seconds since 1970. -ENOENT with a sentence: it is refused. A token without a role is good for
 * nothing but to be told so: its principal has ROLE_NONE. */
int jwt_check(const struct jwt_keys *keys, const struct jwt_demands *demands, const char *text, int64_t now,
              struct principal *ret_principal, struct error *error) _must_check_;
