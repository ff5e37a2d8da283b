/* Throwaway certificates, made with the openssl command. */
#ifndef TESTS_LIB_CERTS_H
#define TESTS_LIB_CERTS_H

#include <stdbool.h>

#include "lib/folder.h"

enum cert_kind {
    CERT_GOOD,       /* for IP 127.0.0.1 and DNS localhost, valid now */
    CERT_EXPIRED,    /* the same names, ended in 2020 */
    CERT_OTHER_NAME, /* valid now, for DNS other.example only */
};

/* A CA: folder/NAME.pem and NAME.key. Two names are two CAs. */
bool certs_make_ca(const struct folder *folder, const char *name);
/* A server's certificate by that CA: folder/NAME.pem and NAME.key. */
bool certs_make_server(const struct folder *folder, const char *ca, const char *name,
                       enum cert_kind kind);

#endif
