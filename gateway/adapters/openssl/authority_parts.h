/* What the files of the authority share. Only they may include it. */
#ifndef GATEHOUSE_ADAPTERS_OPENSSL_AUTHORITY_PARTS_H
#define GATEHOUSE_ADAPTERS_OPENSSL_AUTHORITY_PARTS_H

#include <openssl/bio.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "parts.h"

struct authority {
    X509 *cert;
    EVP_PKEY *key;
};

/* What was written to bio, zero-terminated, owned; NULL: nothing, or no memory. */
char *openssl_take_text(BIO *bio);

/* The instant, as certificates write it. ASN1_TIME_set takes a time_t, which in the libraries of
 * a 32-bit Debian 12 ends in 2038. False: no memory. */
bool openssl_set_time(ASN1_TIME *out, int64_t instant);

/* Adds an extension, by the library's words for it. */
bool openssl_add_extension(X509 *cert, X509 *issuer, int nid, const char *value);

#endif
