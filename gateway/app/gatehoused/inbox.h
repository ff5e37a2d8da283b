/* The bounded inbox between the bus's thread and the loop. */
#ifndef GATEHOUSE_APP_GATEHOUSED_INBOX_H
#define GATEHOUSE_APP_GATEHOUSED_INBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "ports/bus.h"

/* Messages that may wait. More are dropped: a reader repeats until answered. */
#define INBOX_SLOTS 256
/* Slots that only notes of the link may take. */
#define INBOX_RESERVED 32
/* Messages of one topic (or of those few that fall together with it) that may
 * wait: half of it, so that a reader that floods leaves the others room. */
#define INBOX_SHARE_MAX 112
#define INBOX_SHARES 251

struct inbox;

/* Returns owned; NULL when out of memory or descriptors. */
struct inbox *inbox_open(void);

/* Copies a note in; never waits for the loop. Matches mqtt_bus_options.note.
 * context is the inbox. A message that finds the inbox full is dropped and
 * counted. Any thread. */
void inbox_put(void *context, const struct bus_note *note);

/* Takes the oldest note; false if there is none. Loop thread. */
bool inbox_take(struct inbox *inbox, struct bus_note *out);

/* Readable when there may be something to take; borrowed. */
int inbox_fd(struct inbox *inbox);
/* Clears the descriptor; call it before taking until empty. */
void inbox_clear(struct inbox *inbox);

/* Makes the descriptor readable again, for whoever stopped before it was empty. */
void inbox_rearm(struct inbox *inbox);

/* Messages dropped so far. Any thread. */
uint64_t inbox_dropped(struct inbox *inbox);

void inbox_close(struct inbox *inbox);

#endif
