/* What gateways post: batches of events, and their status. */
#ifndef CLOUD_EVENTS_H
#define CLOUD_EVENTS_H

#include "http.h"

enum {
    EVENTS_BODY_MAX = 8 * 1024 * 1024,
    STATUS_BODY_MAX = 256 * 1024,
};

/* POST /v1/sites/{site}/gateways/{gw}/events */
handler_fn events_post;
/* POST /v1/sites/{site}/gateways/{gw}/status */
handler_fn status_post;

#endif
