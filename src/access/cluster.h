/* What instances tell each other of who asks: a request that one of them passes on bears a token, made for
 * the other one alone and good for a minute, with the name and the role of the client. It is signed with a
 * key that all of them have in a file.
 *
 *     psi_EXPIRES~ENDS~ROLE~AUDIENCE~ISSUER~NAME~MAC
 *
 * times in seconds since 1970 (ENDS: when the client's own right does, 0 never), ids as instances have them,
 * NAME in hex, MAC = HMAC-SHA-256 of all that stands before it, in hex. Who has the key may be anybody
 * everywhere: only the inspector has it, and no process that it makes. */
#pragma once

#include "access/principal.h"
#include "base/error.h"

enum { CLUSTER_KEYS_MAX = 4, CLUSTER_KEY_LEAST = 32, CLUSTER_TOKEN_SIZE = 1024 };

struct cluster_page;
struct cluster_keys {
    struct cluster_page *page; /* owned; NULL: none. The kernel clears it in children */
};

/* A key a line, of 32 characters or more: the first signs, all are good, so that they can be changed one
 * after the other. */
int cluster_keys_read(const char *path, struct cluster_keys *ret_keys, struct error *error) _must_check_;
void cluster_keys_release(struct cluster_keys *keys);
bool cluster_keys_are_there(const struct cluster_keys *keys);

/* Whether an Authorization header is such a token. */
bool cluster_token_is(const char *authorization);

/* -ENOKEY: there is no key. Ids hold no '~'. */
int cluster_token_make(const struct cluster_keys *keys, const struct principal *principal, const char *issuer,
                       const char *audience, int64_t now, char ret_text[CLUSTER_TOKEN_SIZE]) _must_check_;

/* authorization: the header. audience: who we are. -ENOKEY with a sentence. */
int cluster_token_check(const struct cluster_keys *keys, const char *authorization, const char *audience,
                        int64_t now, struct principal *ret_principal, struct error *error) _must_check_;
