/* Who calls: by a bearer token, or by a gateway's certificate. */
#ifndef CLOUD_CALLER_H
#define CLOUD_CALLER_H

#include "cloud.h"
#include "http.h"
#include "x509.h"

enum caller_kind {
    CALLER_NOBODY,
    CALLER_ADMIN,    /* the admin token */
    CALLER_GATEWAYS, /* the token that all gateways may share */
    CALLER_GATEWAY,  /* the certificate of one gateway */
};

struct caller {
    enum caller_kind kind;
    struct certificate_owner owner; /* CALLER_GATEWAY */
    enum certificate_verdict certificate; /* CALLER_NOBODY: why that one did not serve */
};

/* A call that has an Authorization header (NULL = it has none) is judged by that alone, another
 * by the certificate of its connection. */
void caller_find(struct caller *out, const struct cloud *cloud, const char *authorization,
                 gnutls_session_t session);

/* Of the call under way. */
const struct caller *call_caller(const struct call *call);

#endif
