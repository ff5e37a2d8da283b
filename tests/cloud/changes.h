/* Checkpoints and the long poll for changes. */
#ifndef CLOUD_CHANGES_H
#define CLOUD_CHANGES_H

#include "http.h"

enum {
    WAIT_MAX_S = 50,
    CHANGES_MAX = 250000, /* more at once: loading a snapshot is cheaper */
};

/* GET /v1/sites/{site}/checkpoint */
handler_fn checkpoint_get;
/* GET /v1/sites/{site}/changes?since=CURSOR&wait=S&applied=CURSOR&digest=HEX&schema=1 */
handler_fn changes_get;

#endif
