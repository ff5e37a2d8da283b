/* Enrolment: a one-time token and a certificate request become a client certificate; and its
 * renewal. */
#ifndef CLOUD_ENROL_H
#define CLOUD_ENROL_H

#include "http.h"

enum {
    ENROL_BODY_MAX = 16 * 1024,
    ENROL_TTL_MAX_S = 600,
    GATEWAY_CERT_DAYS = 90,         /* unless --gateway-cert-days says another */
    GATEWAY_CERT_MAX_S = 3650 * 86400,
    GATEWAY_CERT_AGE_S = 60,        /* a new one is valid since then, for clocks that are behind */
    CA_TEXT_MAX = 60 * 1024,
};

handler_fn ca_get;                 /* GET /v1/ca */
handler_fn enrol_post;             /* POST /v1/enrol */
handler_fn renew_post;             /* POST /v1/sites/{site}/gateways/{gw}/renew */
handler_fn admin_new_token;        /* POST /admin/sites/{site}/gateways/{gw}/enrolment */
handler_fn admin_get_certificates; /* GET /admin/sites/{site}/gateways/{gw}/certificates */

/* A gateway's certificate was used in a call: kept for the list, once. */
void enrol_seen(struct cloud *cloud, const char *serial);

#endif
