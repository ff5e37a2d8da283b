/* What the broker is called in its certificate: names and addresses of this box. */
#ifndef GATEHOUSE_APP_CTL_BROKER_HOSTS_H
#define GATEHOUSE_APP_CTL_BROKER_HOSTS_H

#include <stdbool.h>

#include "adapters/openssl/authority.h"
#include "adapters/openssl/certificate.h"
#include "app/ctl/ctl.h"

#define BROKER_HOSTS_MAX 64   /* names, and as many addresses */
#define BROKER_RENEW_DAYS 60  /* before its end the certificate is to be made anew */

struct broker_hosts {
    char name[BROKER_HOSTS_MAX][CERTIFICATE_HOST_MAX];
    char address[BROKER_HOSTS_MAX][CERTIFICATE_HOST_MAX];
    const char *name_view[BROKER_HOSTS_MAX], *address_view[BROKER_HOSTS_MAX];
    size_t n_names, n_addresses;
};

/* The host's own name, that name in .local, and what was given; where nothing was given, what
 * the certificate of before names (empty: none). False: a name or an address is none. */
bool broker_hosts_collect(struct broker_hosts *out, const struct ctl *ctl, struct slice old,
                          char *why, size_t why_size);
/* Borrows from hosts. */
struct authority_hosts broker_hosts_view(const struct broker_hosts *hosts);
/* The first of the hosts that the certificate does not name; NULL: it names them all. */
const char *broker_hosts_missing(const struct broker_hosts *hosts, struct slice certificate);

#endif
