/* Private to tls*.c. */
#pragma once

#include "http/tls.h"

#include <gnutls/abstract.h>
#include <gnutls/x509.h>

enum { TLS_CHAIN_MAX = 16 };

struct tls {
    gnutls_pcert_st chain[TLS_CHAIN_MAX];
    unsigned chain_count;
    gnutls_privkey_t key;
    gnutls_x509_trust_list_t trust; /* NULL: clients are not asked */
    char *client_ca;                /* the same as PEM; owned */
};
