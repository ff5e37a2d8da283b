/* The site's certificate authority: it vouches for the broker and for the readers of one
 * box, and for nobody else. EC P-256 and SHA-256, by libcrypto.
 *
 * Time. A box or a reader without a clock battery may believe any date when these are made or
 * looked at. So all certificates and the list of revoked ones begin in 1970: what a clock that
 * was never set says. They end so many years after the present, or after the newest date in
 * NEWS where the clock says something before that. The list of revoked ones never ends: an old list would lock
 * every reader out. */
#ifndef GATEHOUSE_ADAPTERS_OPENSSL_AUTHORITY_H
#define GATEHOUSE_ADAPTERS_OPENSSL_AUTHORITY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "core/slice.h"

#define AUTHORITY_YEARS 30
#define AUTHORITY_ISSUED_YEARS 10
#define AUTHORITY_NAME_MAX 64 /* bytes of a common name */

/* A certificate and its key, zero-terminated PEM, owned. */
struct authority_pair {
    char *certificate;
    char *key; /* PKCS #8, not sealed */
};
/* Frees both and wipes the key. */
void authority_pair_free(struct authority_pair *pair);

/* A new authority: subject O = site, OU = gateway; it may sign what is no authority.
 * GH_INVALID: a name is empty or too long. GH_IO: the library cannot, or no memory. */
GH_MUST_CHECK enum gh_err authority_make(struct authority_pair *out, const char *site,
                                         const char *gateway, int64_t now);
/* The same for a key that is there already, whose certificate was never used: *out owned. */
GH_MUST_CHECK enum gh_err authority_certify(char **out, struct slice key, const char *site,
                                            const char *gateway, int64_t now);

struct authority;

/* Returned owned in *out. GH_INVALID: it is no authority's certificate, or the key is not its. */
GH_MUST_CHECK enum gh_err authority_open(struct authority **out, struct slice certificate,
                                         struct slice key);
void authority_close(struct authority *authority); /* NULL is allowed */

/* A new key and a certificate for a client of that name. Errors as authority_make. */
GH_MUST_CHECK enum gh_err authority_issue_client(struct authority *authority, const char *name,
                                                 int64_t now, struct authority_pair *out);

/* What a server may be called by. */
struct authority_hosts {
    const char *const *name; /* DNS names; the first is the common name */
    size_t n_names;          /* 1 or more */
    const char *const *address; /* IPv4 and IPv6, numeric */
    size_t n_addresses;
};

/* A certificate for a server. key: its key, or empty for a new one. Errors as authority_make;
 * GH_INVALID also: an address is none, the key is none. */
GH_MUST_CHECK enum gh_err authority_issue_server(struct authority *authority,
                                                 const struct authority_hosts *hosts,
                                                 struct slice key, int64_t now,
                                                 struct authority_pair *out);

/* A list of revoked certificates: those of the old list (empty: none) and these serials (hex)
 * beside. PEM, zero-terminated, owned in *out. GH_INVALID: the old list is none of this
 * authority, or a serial is none. GH_IO. */
GH_MUST_CHECK enum gh_err authority_revoke(struct authority *authority, struct slice old,
                                           const char *const *serials, size_t n, int64_t now,
                                           char **out);
/* How many of these serials the list holds. GH_INVALID: it is none of this authority. */
GH_MUST_CHECK enum gh_err authority_count_revoked(struct authority *authority, struct slice list,
                                                  const char *const *serials, size_t n,
                                                  size_t *held);

/* True if the authority has signed this certificate, and the key is the certificate's. */
bool authority_has_issued(struct authority *authority, struct slice certificate, struct slice key);

#endif
