/* How many events of a box that stands still have not reached a cloud. */
#ifndef GATEHOUSE_APP_CTL_UNSENT_H
#define GATEHOUSE_APP_CTL_UNSENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/config.h"

/* Opens the journal as gatehoused does at its start, as the user whose it is, and so brings
 * into it what its tail holds. gatehoused must be stopped. No journal: 0. False: it cannot be
 * read; one line in why. */
bool unsent_events(uint64_t *out, const struct config *config, char *why, size_t why_size);

#endif
