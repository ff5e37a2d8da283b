/* Certificates of gateways, by GnuTLS: the authority that signs them, and whose one is.
 *
 * A gateway's certificate has the site in its subject's O, the gateway in its CN, each once, and
 * is good for TLS clients only. */
#ifndef CLOUD_X509_H
#define CLOUD_X509_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stdint.h>

#include "text.h"

enum { SERIAL_TEXT = 33, NAME_TEXT = 65, SHA256_TEXT = 65 };

struct gateway_ca;

/* Loads DIR/gateway-ca (key and certificate), made if it is not there; owned. NULL with one line
 * in why. */
struct gateway_ca *gateway_ca_open(const char *dir, char why[256]);
void gateway_ca_close(struct gateway_ca *ca); /* NULL allowed */
/* The authority's certificate, as long as it is open. */
const char *gateway_ca_pem(const struct gateway_ca *ca);

/* Is this a certificate request (PEM) for an EC key on P-256, signed with that key? */
bool request_is_good(struct bytes csr);

/* What a certificate is to say. The subject of a request has no say. */
struct certificate_wish {
    const char *site, *gateway;
    int64_t from_s, until_s;
    bool other_key, other_ca; /* faults: of a key, or by an authority, that nobody knows */
};
/* Adds the certificate (PEM) for the key of a good request. serial: in hex. */
bool gateway_ca_sign(const struct gateway_ca *ca, struct bytes csr,
                     const struct certificate_wish *wish, struct text *pem,
                     char serial[SERIAL_TEXT]);

/* Whose certificate came in this TLS session. */
struct certificate_owner {
    char site[NAME_TEXT], gateway[NAME_TEXT], serial[SERIAL_TEXT];
};
enum certificate_verdict {
    CERTIFICATE_GOOD,
    CERTIFICATE_NONE,  /* none came */
    CERTIFICATE_OVER,  /* not valid yet, or not any more */
    CERTIFICATE_WRONG, /* not one of ours */
};
enum certificate_verdict certificate_judge(gnutls_session_t session,
                                           struct certificate_owner *out);

/* The SHA-256 of the first certificate of a PEM text, over its DER, in hex. */
bool certificate_fingerprint(const char *pem, char out[SHA256_TEXT]);

#endif
