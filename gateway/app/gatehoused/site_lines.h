/* The lines of the site: boards, relays, inputs, and who else may hold them. */
#ifndef GATEHOUSE_APP_GATEHOUSED_SITE_LINES_H
#define GATEHOUSE_APP_GATEHOUSED_SITE_LINES_H

#include "app/gatehoused/inputs.h"
#include "sim.h"

struct site_lines {
    const struct config *config; /* borrowed */
    struct hal_sim *sim;         /* NULL: the kernel's lines */
    struct relay_board *relays;
    struct input_board *input_board;
    struct inputs inputs;
    struct doors doors;           /* until the controller has them */
    bool is_fire;                 /* at the start */
    struct fire_rules fire_rules; /* as they were saved */
    bool is_saving_in_vain;       /* and the log knows */
    int hold_fd; /* tells the holder of the lines, if there is one, that we live; -1 = none */
};

/* Opens the boards, takes the fire input and then the relays: the first that a start does.
 * False: said in the log; close it all the same. *l is zero but for hold_fd = -1. */
bool site_lines_open(struct site_lines *l, const struct config *config, bool simulated,
                     const struct policy_store *policy);
/* The other inputs. As site_lines_open. */
bool site_lines_open_inputs(struct site_lines *l);

/* Once a second: reads the inputs back, keeps the holder in touch, saves what the policy
 * says of fire. */
void site_lines_pass_second(struct site_lines *l, struct controller *c, struct now now);

/* Lets go of all lines. Returns the holder's descriptor (owned; -1 = none), to be closed when
 * nothing else is left to do: then it takes the lines. */
int site_lines_close(struct site_lines *l);

#endif
