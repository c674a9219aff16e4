#include "access/jwt_keys.h"

#include "access/base64url.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <jansson.h>
#include <string.h>

enum { RSA_BITS_LEAST = 2048, NUMBER_MAX = 1024 };

void jwt_keys_release(struct jwt_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        gnutls_pubkey_deinit(keys->items[i].key);
        free(keys->items[i].id);
    }
    free(keys->items);
    *keys = (struct jwt_keys){0};
}

/* -EOPNOTSUPP: of a kind or size that is not taken. */
static int algorithm_of(gnutls_pubkey_t key, enum jwt_algorithm *ret_algorithm)
{
    gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;
    unsigned bits = 0;
    int kind = gnutls_pubkey_get_pk_algorithm(key, &bits);

    if (kind == GNUTLS_PK_RSA && bits >= RSA_BITS_LEAST) {
        *ret_algorithm = JWT_RS256;
        return 0;
    }
    if (kind == GNUTLS_PK_ECDSA && gnutls_pubkey_export_ecc_raw(key, &curve, NULL, NULL) == 0 &&
        curve == GNUTLS_ECC_CURVE_SECP256R1) {
        *ret_algorithm = JWT_ES256;
        return 0;
    }
    return -EOPNOTSUPP;
}

/* Takes key over, also on failure. */
static int add(struct jwt_keys *keys, gnutls_pubkey_t key, const char *id)
{
    struct jwt_key item = {.key = key};
    int r = algorithm_of(key, &item.algorithm);

    if (r == 0)
        r = ARRAY_RESERVE(keys, 1, JWT_KEYS_MAX);
    if (r == 0 && id) {
        item.id = strdup(id);
        r = item.id ? 0 : -ENOMEM;
    }
    if (r < 0) {
        gnutls_pubkey_deinit(key);
        return r;
    }
    keys->items[keys->count++] = item;
    return 0;
}

static int import_certificate(gnutls_pubkey_t key, const gnutls_datum_t *pem)
{
    gnutls_x509_crt_t certificate = NULL;
    int r = gnutls_x509_crt_init(&certificate);

    if (r < 0)
        return r;
    r = gnutls_x509_crt_import(certificate, pem, GNUTLS_X509_FMT_PEM);
    if (r == 0)
        r = gnutls_pubkey_import_x509(key, certificate, 0);
    gnutls_x509_crt_deinit(certificate);
    return r;
}

/* One block, from its BEGIN on. */
static int add_pem(struct jwt_keys *keys, const char *block, size_t size)
{
    static const char certificate[] = "-----BEGIN CERTIFICATE-----";
    gnutls_datum_t pem = {.data = (unsigned char *)(uintptr_t)block, .size = (unsigned)size};
    gnutls_pubkey_t key = NULL;
    int r;

    if (gnutls_pubkey_init(&key) < 0)
        return -ENOMEM;
    r = strncmp(block, certificate, sizeof certificate - 1) == 0
            ? import_certificate(key, &pem)
            : gnutls_pubkey_import(key, &pem, GNUTLS_X509_FMT_PEM);
    if (r < 0) {
        gnutls_pubkey_deinit(key);
        return -EINVAL;
    }
    return add(keys, key, NULL);
}

static int parse_pem(struct jwt_keys *keys, const char *path, const char *text, struct error *error)
{
    static const char end_mark[] = "-----END ";
    int r = 0;

    while (r == 0 && (text = strstr(text, "-----BEGIN "))) {
        const char *end = strstr(text, end_mark);

        end = end ? strstr(end + sizeof end_mark - 1, "-----") : NULL;
        if (!end)
            return error_set(error, EINVAL, "%.300s: a PEM block has no end.", path);
        end += strlen("-----");
        r = add_pem(keys, text, (size_t)(end - text));
        text = end;
    }
    if (r == -EOPNOTSUPP)
        return error_set(error, EINVAL, "%.300s: a key is neither RSA of %d bits or more nor on P-256.", path,
                         RSA_BITS_LEAST);
    if (r == -EINVAL)
        return error_set(error, EINVAL, "%.300s: a PEM block is no public key and no certificate.", path);
    return error_ensure(error, r, "The keys could not be read");
}

/* A number or a coordinate of a JWK. */
static bool take_number(const json_t *jwk, const char *name, unsigned char bytes[NUMBER_MAX],
                        gnutls_datum_t *ret_number)
{
    const char *text = json_string_value(json_object_get(jwk, name));
    size_t size = NUMBER_MAX;

    if (!text || base64url_decode(text, strlen(text), bytes, &size) < 0)
        return false;
    *ret_number = (gnutls_datum_t){.data = bytes, .size = (unsigned)size};
    return true;
}

static bool import_jwk(const json_t *jwk, gnutls_pubkey_t key)
{
    const char *kind = json_string_value(json_object_get(jwk, "kty"));
    const char *curve = json_string_value(json_object_get(jwk, "crv"));
    unsigned char first[NUMBER_MAX], second[NUMBER_MAX];
    gnutls_datum_t a, b;

    if (kind && strcmp(kind, "RSA") == 0)
        return take_number(jwk, "n", first, &a) && take_number(jwk, "e", second, &b) &&
               gnutls_pubkey_import_rsa_raw(key, &a, &b) == 0;
    if (kind && strcmp(kind, "EC") == 0 && curve && strcmp(curve, "P-256") == 0)
        return take_number(jwk, "x", first, &a) && take_number(jwk, "y", second, &b) &&
               gnutls_pubkey_import_ecc_raw(key, GNUTLS_ECC_CURVE_SECP256R1, &a, &b) == 0;
    return false;
}

/* 0 also where it is for something else. */
static int add_jwk(struct jwt_keys *keys, const json_t *jwk)
{
    const char *use = json_string_value(json_object_get(jwk, "use"));
    gnutls_pubkey_t key = NULL;
    int r;

    if (use && strcmp(use, "sig") != 0)
        return 0;
    if (gnutls_pubkey_init(&key) < 0)
        return -ENOMEM;
    if (!import_jwk(jwk, key)) {
        gnutls_pubkey_deinit(key);
        return 0;
    }
    r = add(keys, key, json_string_value(json_object_get(jwk, "kid")));
    return r == -EOPNOTSUPP ? 0 : r;
}

static int parse_set(struct jwt_keys *keys, const char *path, const char *text, size_t size,
                     struct error *error)
{
    json_error_t why;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
    const json_t *items = json_object_get(root, "keys"), *item;
    size_t index;
    int r = 0;

    if (!json_is_array(items))
        r = error_set(error, EINVAL, "%.300s is no JWK set: %s", path,
                      root ? "it has no array 'keys'." : why.text);
    json_array_foreach(items, index, item)
    {
        if (r == 0)
            r = add_jwk(keys, item);
    }
    json_decref(root);
    return error_ensure(error, r, "The keys could not be read");
}

int jwt_keys_parse(struct jwt_keys *keys, const char *path, const char *text, size_t size,
                   struct error *error)
{
    size_t before = keys->count;
    int r = text[strspn(text, " \t\r\n")] == '{' ? parse_set(keys, path, text, size, error)
                                                 : parse_pem(keys, path, text, error);

    if (r == 0 && keys->count == before)
        return error_set(error, EINVAL,
                         "%.300s has no key that can be used: PEM or a JWK set, RSA of %d bits or more, or "
                         "P-256.",
                         path, RSA_BITS_LEAST);
    return r;
}
