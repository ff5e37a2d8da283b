/* The level that every relay has while nobody drives the doors: locked; where the fire
 * input is active, released, but for the doors that ignore a fire. Source: doors contract,
 * Fire ("whatever sets safe levels after our death reads the fire line first").
 *
 * What hardware does with levels that nobody drives: hal/README.md. */
#ifndef GATEHOUSE_APP_SAFE_LEVELS_H
#define GATEHOUSE_APP_SAFE_LEVELS_H

#include "app/config.h"
#include "app/fire_rules.h"
#include "input.h"

struct level {
    const struct config_use *use; /* owned by the levels */
    int relay; /* on the board; -1 = not taken */
    bool is_told; /* that it could not be taken */
};

struct levels {
    const struct config *config; /* borrowed */
    bool stays;                  /* as the holder does, which others leave the lines to */
    struct relay_board *relays;  /* owned while lines are held, else NULL */
    struct input_board *inputs;
    int fire_input; /* on its board; -1 = there is none, or it cannot be read */
    bool is_fire;
    bool is_fire_told; /* that the fire input could not be taken */
    int passes;        /* that the relays have waited for the fire input */
    struct fire_rules rules;
    struct config_use *uses; /* owned */
    struct level *level;     /* owned; one for each relay of the configuration */
    size_t n;
};

/* Holds nothing yet; stays: will be asked again and again. GH_IO: out of memory. */
GH_MUST_CHECK enum gh_err levels_init(struct levels *out, const struct config *config, bool stays);
/* Lets go of all lines and frees. */
void levels_free(struct levels *levels);

/* Opens the boards and takes the fire input, then what relays can be had, each at its level
 * in one call; the boards are kept, also where a line is missing. Each line that cannot be
 * had is said once on standard error. GH_IO: no boards. */
GH_MUST_CHECK enum gh_err levels_take(struct levels *levels, struct relay_board *relays,
                                      struct input_board *inputs);
/* Tries again for what is missing, reads the fire input, sets all levels. How many lines
 * are missing or wrong; one that gatehouse-safe --hold has is right. One that stays takes no
 * relay for the first passes without the fire input: whether there is a fire says at which
 * level, and an input that the dead process still has is free within milliseconds. */
size_t levels_reconcile(struct levels *levels);
/* Lets go of all lines. */
void levels_let_go(struct levels *levels);

#endif
