/* What instances tell each other of who asks: a request that one of them passes on bears a token, made for
 * the other one and for this request alone, good once and for a minute, with the name and the role of the
 * client. It is signed with a key that all of them have in a file.
 *
 *     psi_EXPIRES~ENDS~ROLE~AUDIENCE~ISSUER~NAME~ASKED~CHANCE~MAC
 *
 * times in seconds since 1970 (ENDS: when the client's own right does, 0 never), ids as instances have them,
 * NAME in hex, ASKED the first half of SHA-256 of "METHOD /target" in hex, CHANCE 128 random bits in hex,
 * MAC = HMAC-SHA-256 of all that stands before it, in hex. Who has the key may be anybody
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

/* -ENOKEY: there is no key. Ids hold no '~'. asked: "GET /api/processes?x=y". */
int cluster_token_make(const struct cluster_keys *keys, const struct principal *principal, const char *issuer,
                       const char *audience, const char *asked, int64_t now,
                       char ret_text[CLUSTER_TOKEN_SIZE]) _must_check_;

/* What is to be remembered of one that was used, so that it is not again. */
enum { CLUSTER_HASH_SIZE = 16 };
struct cluster_use {
    uint8_t hash[CLUSTER_HASH_SIZE];
    int64_t until; /* seconds since 1970: then it is good no longer */
};

/* What a request shows. */
struct cluster_claim {
    const char *authorization; /* the header */
    const char *audience;      /* who we are */
    const char *asked;         /* as it came; NULL: nobody said */
    const char *path_prefix;   /* that may stand before the path, or not; "" none */
};
/* -ENOKEY with a sentence. That it was used already is the caller's to find out. */
int cluster_token_check(const struct cluster_keys *keys, const struct cluster_claim *claim, int64_t now,
                        struct principal *ret_principal, struct cluster_use *ret_use,
                        struct error *error) _must_check_;
