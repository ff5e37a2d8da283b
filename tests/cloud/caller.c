#include "caller.h"

void caller_find(struct caller *out, const struct cloud *cloud, const char *authorization,
                 gnutls_session_t session)
{
    *out = (struct caller){.kind = CALLER_NOBODY, .certificate = CERTIFICATE_NONE};
    if (authorization) {
        if (secret_matches(&cloud->admin_token, authorization))
            out->kind = CALLER_ADMIN;
        else if (secret_matches(&cloud->gateway_token, authorization))
            out->kind = CALLER_GATEWAYS;
        return;
    }
    out->certificate = certificate_judge(session, &out->owner);
    if (out->certificate == CERTIFICATE_GOOD)
        out->kind = CALLER_GATEWAY;
}
