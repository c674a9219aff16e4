/* What TLS needs: a certificate with its chain and key, and whose certificates clients may show. One is in
 * use in the whole process, and another may take its place while connections are open: those go on with what
 * they began with. */
#pragma once

#include "base/buffer.h"
#include "base/error.h"

#include <gnutls/abstract.h>
#include <stdbool.h>

struct tls;

/* PEM texts; key may stand in the same file. client_ca NULL: clients are not asked for a certificate. Errors
 * say what is wrong with which. */
int tls_new(const struct buffer *certificate, const struct buffer *key, const struct buffer *client_ca,
            struct tls **ret_tls, struct error *error) _must_check_;

/* A certificate of our own for these names and addresses, with a key that is nowhere else, for a year.
 * ret_fingerprint: SHA-256 of it, as browsers show it. ret_pin: of its key, as curl --pinnedpubkey takes it.
 */
enum { TLS_FINGERPRINT_SIZE = 32 * 3, TLS_PIN_SIZE = 64 };
int tls_new_self_signed(const char *const *names, size_t count, struct tls **ret_tls,
                        char ret_fingerprint[TLS_FINGERPRINT_SIZE], char ret_pin[TLS_PIN_SIZE],
                        struct error *error) _must_check_;
void tls_free(struct tls *tls);

/* Takes tls over; the one before is kept until no handshake can use it any more. -EBUSY: too often within a
 * few minutes, and tls is freed. */
int tls_use(struct tls *tls, struct error *error) _must_check_;
bool tls_is_used(void);        /* there is one */
bool tls_asks_clients(void);   /* for certificates */
unsigned tls_generation(void); /* changes with each tls_use */

/* For libmicrohttpd: gnutls_certificate_retrieve_function2. */
int tls_retrieve(gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count,
                 const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **ret_chain,
                 unsigned *ret_count, gnutls_privkey_t *ret_key);
/* For the trust of libmicrohttpd, which makes it ask clients: PEM, owned by what is in use. */
const char *tls_client_ca(void);
extern const char tls_priorities[]; /* TLS 1.2 and later */

/* Whose the certificate is that the client of a session has shown: its common name. -ENOKEY: it has shown
 * none, or one that none of the authorities signed, that has expired, or is not for clients. */
int tls_client_name(gnutls_session_t session, char *ret_name, size_t size, int64_t *ret_expires) _must_check_;
