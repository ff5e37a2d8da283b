/* Throwaway certificates, made with the openssl command. */
#ifndef TESTS_LIB_CERTS_H
#define TESTS_LIB_CERTS_H

#include <stdbool.h>

#include "lib/folder.h"

enum cert_kind {
    CERT_GOOD,       /* for IP 127.0.0.1 and DNS localhost, valid now */
    CERT_EXPIRED,    /* the same names, ended in 2020 */
    CERT_OTHER_NAME, /* valid now, for DNS other.example only */
    CERT_NOT_YET,    /* begins in 2048 */
    CERT_FOR_SERVERS, /* a client's name on what is meant for servers only */
};

/* A CA: folder/NAME.pem and NAME.key. Two names are two CAs. */
bool certs_make_ca(const struct folder *folder, const char *name);
/* A server's (or client's) certificate by that CA: folder/NAME.pem and NAME.key. */
bool certs_make_server(const struct folder *folder, const char *ca, const char *name,
                       enum cert_kind kind);
/* A client's certificate by that CA (or by what only calls itself one): folder/NAME.pem and
 * NAME.key. The common name is free. */
bool certs_make_client(const struct folder *folder, const char *ca, const char *name,
                       const char *common_name, enum cert_kind kind);
/* The CA's list of revoked certificates, folder/NAME, with one of its own in it:
 * folder/REVOKED.pem. */
bool certs_make_list(const struct folder *folder, const char *ca, const char *name,
                     const char *revoked);

#endif
