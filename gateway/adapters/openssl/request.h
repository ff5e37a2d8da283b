/* A new key, and the request for a certificate for it. */
#ifndef GATEHOUSE_ADAPTERS_OPENSSL_REQUEST_H
#define GATEHOUSE_ADAPTERS_OPENSSL_REQUEST_H

#include "core/err.h"

#define REQUEST_KEY_MAX 512
#define REQUEST_CSR_MAX 2048

struct request {
    char key[REQUEST_KEY_MAX]; /* EC on P-256, PKCS #8 in PEM, not sealed */
    char csr[REQUEST_CSR_MAX]; /* PKCS #10 in PEM, signed with it */
};

/* Makes both; the subject's O and CN are these (1 to 64 characters each). Forget it with
 * request_forget. GH_INVALID: a name is too long; GH_IO: the library cannot. */
GH_MUST_CHECK enum gh_err request_make(struct request *out, const char *organization,
                                       const char *name);
void request_forget(struct request *request);

#endif
