/* What the files of this folder share. Only they may include it. */
#ifndef GATEHOUSE_ADAPTERS_OPENSSL_PARTS_H
#define GATEHOUSE_ADAPTERS_OPENSSL_PARTS_H

#include <openssl/x509.h>

#include "core/slice.h"

/* The first certificate of a PEM text, owned; NULL if there is none. */
X509 *openssl_parse_certificate(struct slice pem);

/* For the library's readers of PEM: what is sealed under a passphrase is not read, and nobody
 * is asked for one. */
int openssl_no_passphrase(char *out, int size, int is_new, void *context);

/* Lower-case hex, zero-terminated: out needs 2 * len + 1 bytes. */
void openssl_hex(char *out, const unsigned char *bytes, size_t len);

#endif
