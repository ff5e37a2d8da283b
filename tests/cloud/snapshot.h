/* Whole policies at a rev, as gzip files that never change once they are made. */
#ifndef CLOUD_SNAPSHOT_H
#define CLOUD_SNAPSHOT_H

#include "http.h"

enum { SNAPSHOT_FILES = 4 }; /* kept on disk for each site; others are made anew when asked for */

/* GET /v1/sites/{site}/snapshots/{epoch}/{rev}, with Range over the packed bytes */
handler_fn snapshot_get;

#endif
