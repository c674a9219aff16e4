#include "http/tls.h"

#include "base/clock.h"
#include "http/tls_parts.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <string.h>

enum {
    KEPT_MAX = 64,           /* replaced ones that handshakes may still use ... */
    KEPT_MS = 5 * 60 * 1000, /* ... for so long */
};

const char tls_priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE";

/* libmicrohttpd's callback has no context, so it is the process's. */
static struct {
    struct tls *used;
    unsigned generation;
    struct {
        struct tls *tls;
        uint64_t until_ms;
    } kept[KEPT_MAX];
    size_t kept_count;
} state;

void tls_free(struct tls *tls)
{
    if (!tls)
        return;
    for (unsigned i = 0; i < tls->chain_count; i++)
        gnutls_pcert_deinit(&tls->chain[i]);
    if (tls->key)
        gnutls_privkey_deinit(tls->key);
    if (tls->trust)
        gnutls_x509_trust_list_deinit(tls->trust, 1);
    free(tls->client_ca);
    free(tls);
}

static gnutls_datum_t datum_of(const struct buffer *text)
{
    return (gnutls_datum_t){.data = (unsigned char *)text->data, .size = (unsigned)text->size};
}

static int load_certificate(struct tls *tls, const struct buffer *certificate, struct error *error)
{
    gnutls_datum_t pem = datum_of(certificate);
    unsigned count = TLS_CHAIN_MAX;
    int r = gnutls_pcert_list_import_x509_raw(tls->chain, &count, &pem, GNUTLS_X509_FMT_PEM, 0);

    if (r < 0)
        return error_set(error, EINVAL, "tls-certificate holds no certificate that can be read: %s.",
                         gnutls_strerror(r));
    tls->chain_count = count;
    return 0;
}

static int load_key(struct tls *tls, const struct buffer *key, struct error *error)
{
    gnutls_datum_t pem = datum_of(key);
    int r = gnutls_privkey_init(&tls->key);

    if (r == 0)
        r = gnutls_privkey_import_x509_raw(tls->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    return r < 0 ? error_set(error, EINVAL, "tls-key holds no private key that can be read: %s.",
                             gnutls_strerror(r))
                 : 0;
}

/* A key of another certificate would only be seen by clients. */
static int check_pair(const struct tls *tls, struct error *error)
{
    unsigned char of_certificate[64], of_key[64];
    size_t certificate_size = sizeof of_certificate, key_size = sizeof of_key;
    gnutls_pubkey_t public = NULL;
    int r = gnutls_pubkey_init(&public);

    if (r == 0)
        r = gnutls_pubkey_import_privkey(public, tls->key, 0, 0);
    if (r == 0)
        r = gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256, of_key, &key_size);
    if (r == 0)
        r = gnutls_pubkey_get_key_id(tls->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256, of_certificate,
                                     &certificate_size);
    gnutls_pubkey_deinit(public);
    if (r < 0)
        return error_set(error, EIO, "The key of TLS could not be compared: %s.", gnutls_strerror(r));
    if (key_size != certificate_size || memcmp(of_key, of_certificate, key_size) != 0)
        return error_set(error, EINVAL,
                         "tls-key is not the key of the first certificate in tls-certificate.");
    return 0;
}

static int load_trust(struct tls *tls, const struct buffer *client_ca, struct error *error)
{
    gnutls_datum_t pem = datum_of(client_ca);
    int r = gnutls_x509_trust_list_init(&tls->trust, 0);

    if (r == 0)
        r = gnutls_x509_trust_list_add_trust_mem(tls->trust, &pem, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
    if (r <= 0)
        return error_set(error, EINVAL, "tls-client-ca holds no certificate that can be read%s%s.",
                         r < 0 ? ": " : "", r < 0 ? gnutls_strerror(r) : "");
    tls->client_ca = strndup(client_ca->data, client_ca->size);
    return tls->client_ca ? 0 : error_errno(error, ENOMEM, "TLS could not be set up");
}

int tls_new(const struct buffer *certificate, const struct buffer *key, const struct buffer *client_ca,
            struct tls **ret_tls, struct error *error)
{
    struct tls *tls = calloc(1, sizeof *tls);
    int r = tls ? 0 : error_errno(error, ENOMEM, "TLS could not be set up");

    if (r == 0)
        r = load_certificate(tls, certificate, error);
    if (r == 0)
        r = load_key(tls, key, error);
    if (r == 0)
        r = check_pair(tls, error);
    if (r == 0 && client_ca)
        r = load_trust(tls, client_ca, error);
    if (r < 0) {
        tls_free(tls);
        return r;
    }
    *ret_tls = tls;
    return 0;
}

static void forget_old(uint64_t now_ms)
{
    size_t count = 0;

    for (size_t i = 0; i < state.kept_count; i++) {
        if (state.kept[i].until_ms <= now_ms)
            tls_free(state.kept[i].tls);
        else
            state.kept[count++] = state.kept[i];
    }
    state.kept_count = count;
}

int tls_use(struct tls *tls, struct error *error)
{
    uint64_t now = clock_monotonic_ms();

    forget_old(now);
    if (state.used && state.kept_count == KEPT_MAX) {
        tls_free(tls);
        return error_set(error, EBUSY, "TLS was set up anew too often; what is in use stays.");
    }
    if (state.used) {
        state.kept[state.kept_count].tls = state.used;
        state.kept[state.kept_count++].until_ms = now + KEPT_MS;
    }
    state.used = tls;
    state.generation++;
    return 0;
}

bool tls_is_used(void)
{
    return state.used != NULL;
}

bool tls_asks_clients(void)
{
    return state.used && state.used->trust;
}

unsigned tls_generation(void)
{
    return state.generation;
}

const char *tls_client_ca(void)
{
    return state.used ? state.used->client_ca : NULL;
}

int tls_retrieve(gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count,
                 const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **ret_chain,
                 unsigned *ret_count, gnutls_privkey_t *ret_key)
{
    (void)authorities, (void)authority_count, (void)algorithms, (void)algorithm_count; /* there is but one */
    /* the names of authorities that libmicrohttpd has may be old ones by now */
    gnutls_certificate_send_x509_rdn_sequence(session, 1);
    if (!state.used)
        return -1;
    *ret_chain = state.used->chain;
    *ret_count = state.used->chain_count;
    *ret_key = state.used->key;
    return 0;
}

static int verify(gnutls_x509_crt_t *chain, unsigned count)
{
    gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                     .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT};
    unsigned status = ~0u;

    if (!tls_asks_clients() || gnutls_x509_trust_list_verify_crt2(state.used->trust, chain, count, &purpose,
                                                                  1, 0, &status, NULL) < 0)
        return -ENOKEY;
    return status == 0 ? 0 : -ENOKEY;
}

/* When the first of them does. */
static int64_t expiry(gnutls_x509_crt_t *chain, unsigned count)
{
    int64_t first = 0;

    for (unsigned i = 0; i < count; i++) {
        time_t at = gnutls_x509_crt_get_expiration_time(chain[i]);
        if (at != (time_t)-1 && (first == 0 || at < first))
            first = at;
    }
    return first;
}

int tls_client_name(gnutls_session_t session, char *ret_name, size_t size, int64_t *ret_expires)
{
    gnutls_x509_crt_t chain[TLS_CHAIN_MAX] = {0};
    unsigned count = 0, shown = 0;
    const gnutls_datum_t *raw = gnutls_certificate_get_peers(session, &shown);
    int r = raw && shown > 0 && shown <= TLS_CHAIN_MAX ? 0 : -ENOKEY;

    for (; r == 0 && count < shown; count++) {
        if (gnutls_x509_crt_init(&chain[count]) < 0)
            r = -ENOMEM;
        else if (gnutls_x509_crt_import(chain[count], &raw[count], GNUTLS_X509_FMT_DER) < 0)
            r = -ENOKEY;
    }
    if (r == 0)
        r = verify(chain, count);
    if (r == 0 &&
        gnutls_x509_crt_get_dn_by_oid(chain[0], GNUTLS_OID_X520_COMMON_NAME, 0, 0, ret_name, &size) < 0)
        r = -ENOKEY;
    if (r == 0 && strlen(ret_name) != size) /* a NUL inside would make it another's name */
        r = -ENOKEY;
    if (r == 0)
        *ret_expires = expiry(chain, count);
    for (unsigned i = 0; i < TLS_CHAIN_MAX; i++)
        if (chain[i])
            gnutls_x509_crt_deinit(chain[i]);
    return r;
}
