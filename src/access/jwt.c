#include "access/jwt.h"

#include "access/base64url.h"
#include "access/credential.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <jansson.h>
#include <string.h>

enum { ES256_PART = 32 /* bytes of r and of s */, SIGNATURE_MAX = 1024 };

struct parts {
    const char *signed_text; /* header and claims, with their dot */
    size_t signed_size;
    const char *header, *claims, *signature;
    size_t header_size, claims_size, signature_size;
};

static bool split(const char *text, struct parts *parts)
{
    const char *first = strchr(text, '.'), *second = first ? strchr(first + 1, '.') : NULL;

    if (!second || strchr(second + 1, '.'))
        return false;
    *parts = (struct parts){.signed_text = text,
                            .signed_size = (size_t)(second - text),
                            .header = text,
                            .header_size = (size_t)(first - text),
                            .claims = first + 1,
                            .claims_size = (size_t)(second - first - 1),
                            .signature = second + 1,
                            .signature_size = strlen(second + 1)};
    return true;
}

/* An object in base64url; NULL: it is none. A name that stands twice would be one thing to us and another to
 * whoever signed it. */
static json_t *read_object(const char *text, size_t size)
{
    uint8_t bytes[CREDENTIAL_MAX];
    size_t count = sizeof bytes;
    json_t *json;

    if (base64url_decode(text, size, bytes, &count) < 0)
        return NULL;
    json = json_loadb((const char *)bytes, count, JSON_REJECT_DUPLICATES, NULL);
    if (json && json_is_object(json))
        return json;
    json_decref(json);
    return NULL;
}

/* The signature of ES256 is two numbers side by side; GnuTLS wants them in DER. */
static bool verify_es256(gnutls_pubkey_t key, const gnutls_datum_t *text, uint8_t *signature, size_t size)
{
    gnutls_datum_t r = {.data = signature, .size = ES256_PART},
                   s = {.data = signature + ES256_PART, .size = ES256_PART}, der = {0};
    bool good;

    if (size != 2 * ES256_PART || gnutls_encode_rs_value(&der, &r, &s) < 0)
        return false;
    good = gnutls_pubkey_verify_data2(key, GNUTLS_SIGN_ECDSA_SHA256, 0, text, &der) >= 0;
    gnutls_free(der.data);
    return good;
}

static bool verify(const struct jwt_key *key, const struct parts *parts)
{
    uint8_t signature[SIGNATURE_MAX];
    size_t size = sizeof signature;
    gnutls_datum_t text = {.data = (unsigned char *)(uintptr_t)parts->signed_text,
                           .size = (unsigned)parts->signed_size};
    gnutls_datum_t value = {.data = signature};

    if (base64url_decode(parts->signature, parts->signature_size, signature, &size) < 0)
        return false;
    if (key->algorithm == JWT_ES256)
        return verify_es256(key->key, &text, signature, size);
    value.size = (unsigned)size;
    return gnutls_pubkey_verify_data2(key->key, GNUTLS_SIGN_RSA_SHA256, 0, &text, &value) >= 0;
}

static int check_signature(const struct jwt_keys *keys, const struct parts *parts, const json_t *header,
                           struct error *error)
{
    const char *name = json_string_value(json_object_get(header, "alg"));
    const char *id = json_string_value(json_object_get(header, "kid"));
    enum jwt_algorithm algorithm;

    if (name && strcmp(name, "ES256") == 0)
        algorithm = JWT_ES256;
    else if (name && strcmp(name, "RS256") == 0)
        algorithm = JWT_RS256;
    else
        return error_set(error, ENOENT, "The token is not signed by ES256 or RS256.");
    if (json_object_get(header, "crit"))
        return error_set(error, ENOENT, "The token demands what is not known here (crit).");
    for (size_t i = 0; i < keys->count; i++) {
        const struct jwt_key *key = &keys->items[i];
        if (key->algorithm == algorithm && !(id && key->id && strcmp(id, key->id) != 0) && verify(key, parts))
            return 0;
    }
    return error_set(error, ENOENT, "The token's signature is by none of the keys that are known here.");
}

static bool holds(const json_t *claim, const char *wanted)
{
    const char *text = json_string_value(claim);
    const json_t *item;
    size_t index;

    if (text)
        return strcmp(text, wanted) == 0;
    json_array_foreach(claim, index, item)
    {
        text = json_string_value(item);
        if (text && strcmp(text, wanted) == 0)
            return true;
    }
    return false;
}

/* -1: it is not there; -2: it is no time. Numbers may have fractions. */
static int64_t time_of(const json_t *claims, const char *name)
{
    const json_t *claim = json_object_get(claims, name);
    double value = json_number_value(claim);

    if (!claim)
        return -1;
    return json_is_number(claim) && value >= 0 && value < 1e15 ? (int64_t)value : -2;
}

static int check_times(const json_t *claims, int64_t now, int64_t *ret_expires, struct error *error)
{
    int64_t expires = time_of(claims, "exp"), begins = time_of(claims, "nbf"),
            issued = time_of(claims, "iat");

    if (expires < 0)
        return error_set(error, ENOENT, "The token does not say when it expires (exp).");
    if (expires <= now)
        return error_set(error, ENOENT, "The token has expired.");
    if (begins == -2 || begins > now + JWT_LEEWAY || issued == -2 || issued > now + JWT_LEEWAY)
        return error_set(error, ENOENT, "The token is not valid yet (nbf, iat).");
    *ret_expires = expires;
    return 0;
}

/* The most of all that it names. */
static enum role role_of(const json_t *claim)
{
    enum role role, most = ROLE_NONE;

    for (role = ROLE_READER; role <= ROLE_ADMIN; role++)
        if (holds(claim, role_name(role)))
            most = role;
    return most;
}

static int check_claims(const struct jwt_demands *demands, const json_t *claims, int64_t now,
                        struct principal *ret_principal, struct error *error)
{
    struct principal principal = {.kind = PRINCIPAL_JWT, .user = (uid_t)-1};
    const char *name = json_string_value(json_object_get(claims, demands->name_claim));
    int r = check_times(claims, now, &principal.expires, error);

    if (r < 0)
        return r;
    if (demands->issuer && !json_is_string(json_object_get(claims, "iss")))
        return error_set(error, ENOENT, "The token does not say who issued it (iss).");
    if (demands->issuer && !holds(json_object_get(claims, "iss"), demands->issuer))
        return error_set(error, ENOENT, "The token is of another issuer (iss).");
    if (!holds(json_object_get(claims, "aud"), demands->audience))
        return error_set(error, ENOENT, "The token is not for this service (aud).");
    principal.role = role_of(json_object_get(claims, demands->role_claim));
    principal_set_name(&principal, name && *name ? name : "?");
    *ret_principal = principal;
    return 0;
}

int jwt_check(const struct jwt_keys *keys, const struct jwt_demands *demands, const char *text, int64_t now,
              struct principal *ret_principal, struct error *error)
{
    json_t *header = NULL, *claims = NULL;
    struct parts parts;
    int r = 0;

    if (strnlen(text, CREDENTIAL_MAX) == CREDENTIAL_MAX || !split(text, &parts))
        return error_set(error, ENOENT, "The token is none of procscope's, and no JWT.");
    header = read_object(parts.header, parts.header_size);
    if (!header)
        r = error_set(error, ENOENT, "The token is none of procscope's, and no JWT.");
    if (r == 0)
        r = check_signature(keys, &parts, header, error);
    if (r == 0) { /* nobody's claims are looked at before that */
        claims = read_object(parts.claims, parts.claims_size);
        r = claims ? check_claims(demands, claims, now, ret_principal, error)
                   : error_set(error, ENOENT, "The token's claims can't be read.");
    }
    json_decref(header);
    json_decref(claims);
    return r;
}
