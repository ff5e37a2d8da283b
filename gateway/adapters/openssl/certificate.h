/* The facts of a certificate (X.509), by libcrypto. Nothing here believes it: whether it
 * was signed by anybody is for who asks. */
#ifndef GATEHOUSE_ADAPTERS_OPENSSL_CERTIFICATE_H
#define GATEHOUSE_ADAPTERS_OPENSSL_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "core/slice.h"

#define CERTIFICATE_NAME_MAX 256   /* bytes of a common name, with its zero */
#define CERTIFICATE_SERIAL_TEXT 41 /* 20 bytes in hex, and a zero */
#define CERTIFICATE_HASH_TEXT 65   /* SHA-256 in hex, and a zero */

struct certificate_facts {
    char name[CERTIFICATE_NAME_MAX];        /* common name, UTF-8; "" = it has none */
    char serial[CERTIFICATE_SERIAL_TEXT];   /* lower-case hex, two digits a byte */
    int64_t not_before, not_after;          /* seconds since 1970, both inside its time */
    char fingerprint[CERTIFICATE_HASH_TEXT]; /* SHA-256 over its DER bytes, lower-case hex */
    bool is_authority;                      /* it may sign others (CA:TRUE) */
};

/* Of the first certificate in a PEM text; what stands behind it is not looked at. GH_INVALID:
 * there is none, or one whose name, serial or times are none that we could write down. */
GH_MUST_CHECK enum gh_err certificate_read(struct certificate_facts *out, struct slice pem);

#define CERTIFICATE_HOST_MAX 254 /* bytes of a host's name or address, with its zero */

/* Hands each host that the certificate names (subjectAltName; DNS names, then addresses as
 * text) to each, zero-terminated, borrowed for the call. GH_INVALID: it is no certificate. */
GH_MUST_CHECK enum gh_err certificate_each_host(struct slice pem,
                                                void (*each)(void *context, const char *host,
                                                             bool is_address),
                                                void *context);

#endif
