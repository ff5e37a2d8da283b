/* The doors of this gateway: each a machine and its relay.
 *
 * The machine says which level the relay must have; reconciling sets it, reads
 * it back, and remembers whether the board answers. */
#ifndef GATEHOUSE_APP_GATEHOUSED_DOORS_H
#define GATEHOUSE_APP_GATEHOUSED_DOORS_H

#include <stdbool.h>

#include "app/config.h"
#include "core/door.h"
#include "relay.h"

struct door_unit {
    const struct config_door *config; /* borrowed */
    struct door door;
    int relay;   /* index on the board */
    bool online; /* the relay took and confirmed its last level */
};

struct doors {
    struct relay_board *board; /* borrowed */
    struct door_unit *unit;    /* owned */
    size_t n;
};

/* Takes every relay at its locked level. GH_INVALID or GH_IO with one line in
 * why when a line cannot be had: then nothing may start. */
GH_MUST_CHECK enum gh_err doors_open(struct doors *out, const struct config *config,
                                     struct relay_board *board, char why[HAL_TEXT_MAX]);
/* Takes one door more. config is borrowed; pointers to units end here. */
GH_MUST_CHECK enum gh_err doors_add(struct doors *doors, const struct config_door *config,
                                    char why[HAL_TEXT_MAX]);
void doors_close(struct doors *doors);

/* NULL if the door is none of ours. */
struct door_unit *doors_find(struct doors *doors, const struct id *id);

/* Sets the relay to what the machine says, always, and reads it back. True if
 * the relay is now known to be right; unit->online says the same. */
bool doors_reconcile(struct doors *doors, struct door_unit *unit);

/* The earliest deadline of all machines; false = none. */
bool doors_deadline(const struct doors *doors, struct mono *out);

#endif
