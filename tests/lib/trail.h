/* The journal of a site, asked at gatehoused's control socket as an auditor does,
 * and checked: what is in it, how often, and whether its chain holds. */
#ifndef TESTS_LIB_TRAIL_H
#define TESTS_LIB_TRAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/site.h"

struct trail {
    char **event; /* bytes of each event as stored, closed by a NUL; owned */
    size_t n, room;
};

/* Reads all events that were recorded before the call, and perhaps newer ones;
 * waits until the database has them. Free it also after a failure. */
bool trail_read(struct trail *out, const struct site *site);
void trail_free(struct trail *trail);

/* Events whose bytes hold both texts; b NULL = only a. Members stand there as
 * "name":"value", without spaces. */
size_t trail_count(const struct trail *trail, const char *a, const char *b);
/* The first of them, NULL if there is none. Borrowed. */
const char *trail_find(const struct trail *trail, const char *a, const char *b);

/* Numbers from 1 without a gap, and prev of each is the HMAC over the one before
 * under the device's key. One line on standard error if not. */
bool trail_is_chained(const struct trail *trail, const struct site *site);

/* The same questions with a reading of their own; -1 if there is no answer. */
int64_t site_events(const struct site *site, const char *a, const char *b);
/* Waits until there are at least n such events. */
bool site_wait_events(const struct site *site, const char *a, const char *b, int64_t n,
                      int timeout_ms);

#endif
