#include "http/tls_parts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <nettle/base64.h>
#include <string.h>
#include <time.h>

enum { SERIAL_SIZE = 16, YEAR_SECONDS = 365 * 24 * 3600, EARLIER_SECONDS = 3600 };

static int add_name(gnutls_x509_crt_t certificate, const char *name)
{
    unsigned char address[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, name, address) == 1)
        return gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, address,
                                                    sizeof(struct in_addr), GNUTLS_FSAN_APPEND);
    if (inet_pton(AF_INET6, name, address) == 1)
        return gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, address,
                                                    sizeof(struct in6_addr), GNUTLS_FSAN_APPEND);
    return gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name),
                                                GNUTLS_FSAN_APPEND);
}

static int fill(gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key, const char *const *names,
                size_t count)
{
    static const char common_name[] = "procscope";
    unsigned char serial[SERIAL_SIZE];
    time_t now = time(NULL);
    int r = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial);

    serial[0] &= 0x7f; /* a positive number */
    if (r == 0)
        r = gnutls_x509_crt_set_version(certificate, 3);
    if (r == 0)
        r = gnutls_x509_crt_set_serial(certificate, serial, sizeof serial);
    if (r == 0)
        r = gnutls_x509_crt_set_activation_time(certificate, now - EARLIER_SECONDS);
    if (r == 0)
        r = gnutls_x509_crt_set_expiration_time(certificate, now + YEAR_SECONDS);
    if (r == 0)
        r = gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, common_name,
                                          sizeof common_name - 1);
    if (r == 0)
        r = gnutls_x509_crt_set_key(certificate, key);
    if (r == 0)
        r = gnutls_x509_crt_set_key_purpose_oid(certificate, GNUTLS_KP_TLS_WWW_SERVER, 0);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = add_name(certificate, names[i]);
    if (r == 0)
        r = gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0);
    return r;
}

static int describe(gnutls_x509_crt_t certificate, char ret_fingerprint[TLS_FINGERPRINT_SIZE],
                    char ret_pin[TLS_PIN_SIZE])
{
    unsigned char digest[32], key_id[32];
    size_t size = sizeof digest, key_size = sizeof key_id;
    char text[BASE64_ENCODE_RAW_LENGTH(sizeof key_id) + 1] = "";
    int r = gnutls_x509_crt_get_fingerprint(certificate, GNUTLS_DIG_SHA256, digest, &size);

    if (r == 0)
        r = gnutls_x509_crt_get_key_id(certificate, GNUTLS_KEYID_USE_SHA256, key_id, &key_size);
    if (r < 0)
        return r;
    for (size_t i = 0; i < sizeof digest; i++)
        (void)snprintf(ret_fingerprint + 3 * i, 4, "%02X%s", digest[i],
                       i + 1 < sizeof digest ? ":" : ""); /* the last one's NUL is the third */
    base64_encode_raw(text, sizeof key_id, key_id);
    (void)snprintf(ret_pin, TLS_PIN_SIZE, "sha256//%s", text); /* fits */
    return 0;
}

int tls_new_self_signed(const char *const *names, size_t count, struct tls **ret_tls,
                        char ret_fingerprint[TLS_FINGERPRINT_SIZE], char ret_pin[TLS_PIN_SIZE],
                        struct error *error)
{
    gnutls_x509_crt_t certificate = NULL;
    gnutls_x509_privkey_t key = NULL;
    struct tls *tls = calloc(1, sizeof *tls);
    int r = tls ? gnutls_x509_crt_init(&certificate) : GNUTLS_E_MEMORY_ERROR;

    if (r == 0)
        r = gnutls_x509_privkey_init(&key);
    if (r == 0)
        r = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                         GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    if (r == 0)
        r = fill(certificate, key, names, count);
    if (r == 0)
        r = describe(certificate, ret_fingerprint, ret_pin);
    if (r == 0)
        r = gnutls_pcert_import_x509(&tls->chain[0], certificate, 0);
    if (r == 0)
        tls->chain_count = 1;
    if (r == 0)
        r = gnutls_privkey_init(&tls->key);
    if (r == 0)
        r = gnutls_privkey_import_x509(tls->key, key, GNUTLS_PRIVKEY_IMPORT_COPY);
    if (certificate)
        gnutls_x509_crt_deinit(certificate);
    if (key)
        gnutls_x509_privkey_deinit(key);
    if (r < 0) {
        tls_free(tls);
        return error_set(error, EIO, "A certificate of our own could not be made: %s.", gnutls_strerror(r));
    }
    *ret_tls = tls;
    return 0;
}
