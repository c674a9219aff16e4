/* Public keys with which others sign tokens: PEM (SubjectPublicKeyInfo or certificates, any number of them in
 * one file) or a JWK set (RFC 7517). Each is good for one algorithm, which follows from the key and not from
 * the token. */
#pragma once

#include "base/array.h"
#include "base/error.h"

#include <gnutls/abstract.h>
#include <stdbool.h>

enum { JWT_KEYS_MAX = 64 };

enum jwt_algorithm { JWT_RS256, JWT_ES256 };

struct jwt_key {
    gnutls_pubkey_t key; /* owned */
    enum jwt_algorithm algorithm;
    char *id; /* owned; NULL: it has none */
};

struct jwt_keys {
    struct jwt_key *items;
    size_t count, capacity;
};
void jwt_keys_release(struct jwt_keys *keys);

/* Adds all of text, which has the size; path names it in errors. Keys of a set that are for something else
 * are passed over; a file without any that can be used is an error. */
int jwt_keys_parse(struct jwt_keys *keys, const char *path, const char *text, size_t size,
                   struct error *error) _must_check_;
