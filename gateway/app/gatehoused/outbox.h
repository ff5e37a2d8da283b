/* What waits for the disk: feedback and published events go out once the event
 * behind them is durable, in order. */
#ifndef GATEHOUSE_APP_GATEHOUSED_OUTBOX_H
#define GATEHOUSE_APP_GATEHOUSED_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "core/access.h"
#include "core/event.h"

/* Events that may wait for the disk at a time. Past that their feedback is not
 * kept; the reader's repeat is answered instead. */
#define OUTBOX_SLOTS 512

struct outbox_item {
    uint64_t seq;
    bool has_feedback; /* the members below it are set */
    struct id reader, read_id;
    enum decision decision;
    enum reason reason;
    uint16_t len;
    char event[EVENT_JSON_MAX];
};

struct outbox {
    struct outbox_item *slot; /* OUTBOX_SLOTS of them, owned */
    size_t first, used;
};

GH_MUST_CHECK enum gh_err outbox_open(struct outbox *out);
void outbox_close(struct outbox *outbox);

/* A slot to fill, behind all others; NULL when full. */
struct outbox_item *outbox_add(struct outbox *outbox);

/* Takes the oldest item whose event is durable; borrowed until the next call.
 * NULL if there is none. */
const struct outbox_item *outbox_take(struct outbox *outbox, uint64_t durable);

/* True if the answer to this read waits here. */
bool outbox_has(const struct outbox *outbox, const struct id *reader, const struct id *read_id);

#endif
