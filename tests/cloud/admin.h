/* What people and tests do to the cloud: put policy, look at what came in,
 * switch faults. All of it under /admin/, with a token of its own. */
#ifndef CLOUD_ADMIN_H
#define CLOUD_ADMIN_H

#include "http.h"

enum {
    ROWS_BODY_MAX = 64 * 1024 * 1024,
    SMALL_BODY_MAX = 64 * 1024,
    LIST_MAX = 10000, /* events in one answer */
};

handler_fn admin_put_rows;    /* POST /admin/sites/{site}/rows */
handler_fn admin_new_epoch;   /* POST /admin/sites/{site}/epoch */
handler_fn admin_issue;       /* POST /admin/sites/{site}/checkpoint */
handler_fn admin_forget;      /* POST /admin/sites/{site}/forget */
handler_fn admin_get_events;  /* GET /admin/sites/{site}/gateways/{gw}/events?after=N&limit=N */
handler_fn admin_get_summary; /* GET /admin/sites/{site}/gateways/{gw}/events/summary */
handler_fn admin_get_status;  /* GET /admin/sites/{site}/gateways/{gw}/status */
handler_fn admin_set_faults;  /* POST /admin/faults */
handler_fn admin_settings;    /* POST /admin/settings */
handler_fn admin_get_state;   /* GET /admin/state */

#endif
