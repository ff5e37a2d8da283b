/* A client certificate with the certificates above it (PEM, its own first): does it serve with
 * this key, under these names, by one of these authorities? Dates have no say here: they are
 * for whoever has a clock that he trusts (certificate.h). */
#ifndef GATEHOUSE_ADAPTERS_OPENSSL_CHAIN_H
#define GATEHOUSE_ADAPTERS_OPENSSL_CHAIN_H

#include <stdbool.h>

#include "core/err.h"
#include "core/slice.h"

#define CHAIN_CERTIFICATES_MAX 8 /* in one text */

enum chain_verdict {
    CHAIN_GOOD,
    CHAIN_UNREADABLE,  /* the certificate, or one above it */
    CHAIN_OTHER_KEY,   /* it is for another key, or the key is none */
    CHAIN_OTHER_NAME,  /* its subject is not exactly one O and one CN, these */
    CHAIN_OTHER_CA,    /* none of the authorities has signed it */
    CHAIN_NOT_CLIENT,  /* it is not for TLS clients */
    CHAIN_FAULT,       /* out of memory */
};
enum chain_verdict chain_check(struct slice chain, struct slice key, struct slice authorities,
                               const char *organization, const char *name);

/* Is the certificate at the head of the chain for this key? */
bool chain_fits(struct slice chain, struct slice key);

/* Writes the certificates of a PEM text anew, in their order, without what stands between them;
 * closed by a zero. only: SHA-256 over the DER of the one that is wanted, lower-case hex; NULL:
 * all. GH_INVALID: there is none, more than CHAIN_CERTIFICATES_MAX, or one that cannot be read;
 * GH_NOT_FOUND: none of them is the one that is wanted; GH_FULL: size is too small. */
GH_MUST_CHECK enum gh_err chain_copy(char *out, size_t size, struct slice pem, const char *only);

#endif
