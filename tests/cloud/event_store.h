/* What gateways sent: events, byte by byte as they came, losses, and status. */
#ifndef CLOUD_EVENT_STORE_H
#define CLOUD_EVENT_STORE_H

#include <stdint.h>

#include "db.h"

/* A piece of a stream: an event (from = to = its seq), or a loss. */
struct piece {
    int64_t from;
    int64_t to;
    struct bytes event;  /* at = NULL: lost */
    struct bytes vendor; /* a vendor's words for it, a JSON object; at = NULL: none */
};

enum append_result {
    APPEND_OK,
    APPEND_GAP,    /* a number is missing; nothing stored */
    APPEND_FAILED, /* nothing stored */
};

/* Appends pieces, sorted by from and without overlap, to a stream; what is
 * known already is counted and passed over, but for a vendor's words: the newest
 * are kept. Durable on return. *acked: the
 * stream is known up to here without a gap. */
enum append_result event_store_append(sqlite3 *db, const char *site, const char *gateway,
                                      const char *stream, const struct piece *pieces,
                                      size_t count, int64_t *acked);

/* Adds the events after arrival number after, at most limit, as NDJSON lines
 * {"n","stream","seq","event","vendor"?} in the order in which they arrived. */
bool event_store_list(sqlite3 *db, const char *site, const char *gateway, int64_t after,
                      int64_t limit, struct text *out);
/* Adds a JSON object that counts what there is, what is missing and what came
 * twice (see README). */
bool event_store_summary(sqlite3 *db, const char *site, const char *gateway, struct text *out);

bool event_store_set_status(sqlite3 *db, const char *site, const char *gateway, int64_t now_s,
                            struct bytes body);
/* Adds the newest status; nothing if there is none. */
bool event_store_status(sqlite3 *db, const char *site, const char *gateway, struct text *out);

#endif
