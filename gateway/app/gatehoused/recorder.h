/* The recorder: gives an event its number and its place in the chain, turns it
 * into bytes and appends it to the journal. */
#ifndef GATEHOUSE_APP_GATEHOUSED_RECORDER_H
#define GATEHOUSE_APP_GATEHOUSED_RECORDER_H

#include "adapters/crypto/crypto.h"
#include "core/event.h"
#include "ports/journal.h"

struct recorder {
    struct journal journal;
    struct crypto_ready_key key; /* of the chain */
    char head[SHA256_HEX + 1];   /* chain value over the newest stored event, or the one before it */
    bool is_behind;              /* the latter: the newest, in bytes, is still to be hashed */
    char bytes[EVENT_JSON_MAX];  /* of the event recorded last */
    size_t len;
};

/* Goes on behind last_event (the bytes of the newest stored event; length 0 in
 * a new stream, whose first event has 64 zeros as prev). */
void recorder_init(struct recorder *r, struct journal journal, const unsigned char key[32],
                   struct slice last_event);
/* Forgets the key. */
void recorder_close(struct recorder *r);

/* Sets event->seq and records, and with the event, atomically, the repeat if not
 * NULL and the changes (core/changes.h; length 0 = none). The event's bytes are
 * in r->bytes until the next call. GH_FULL: the event is counted as lost, nothing
 * was stored. */
GH_MUST_CHECK enum gh_err recorder_append(struct recorder *r, struct event *event,
                                          const struct repeat *repeat, struct slice changes);

/* Hashes the event that was recorded last, which the next one needs. That makes up for it itself:
 * whoever has time calls this, so that a relay need not wait for it. */
void recorder_catch_up(struct recorder *r);

/* The chain value over the newest stored event, as the next one will name it. */
void recorder_head(const struct recorder *r, char out[SHA256_HEX + 1]);

#endif
