/* The lines that are looked at: door contacts, requests to exit, tamper switches, the fire
 * input. Taken from the board, kept in mind, and told to the controller.
 *
 * Levels are read back on a slow timer, so that a lost edge never leaves a door inverted.
 * An input that chatters is believed no longer until it rests: one alarm, not a thousand.
 * While it chatters, and while its board does not answer, a contact and a tamper switch
 * stay at what they said last, a request to exit counts as none, and a fire that was seen
 * stays: the failure of a line neither opens a door nor locks people in. */
#ifndef GATEHOUSE_APP_GATEHOUSED_INPUTS_H
#define GATEHOUSE_APP_GATEHOUSED_INPUTS_H

#include "app/gatehoused/controller.h"
#include "input.h"

/* Changes that lasted less than 400 ms each (what lasts longer always counts), not balanced by
 * quiet, that make an input chatter; and how long it must rest to be believed again, unless
 * changes that are not hasty have balanced them before. */
#define INPUT_CHATTER_CHANGES 12
#define INPUT_REST_MS 10000
/* One that never settles in all this time chatters too. */
#define INPUT_RESTLESS_MS 5000
/* A fault is over, for whoever is told of it, when the input has been believed for so long: a
 * loose cable is one fault, not one a second. */
#define INPUT_OVER_MS 5000

enum sense { SENSE_FIRE, SENSE_CONTACT, SENSE_REX, SENSE_TAMPER };

enum input_trouble { INPUT_FINE, INPUT_CHATTERS, INPUT_LOST };

struct input_unit {
    enum sense sense;
    const struct id *door; /* borrowed from the configuration; NULL: the site's */
    const struct config_input *config; /* borrowed */
    int index;             /* on the board */
    bool is_active;        /* as the board says it */
    bool is_told;          /* as the controller was told */
    enum input_trouble trouble; /* anything but INPUT_FINE: it is not believed */
    enum input_trouble journalled; /* the fault that stands in the journal */
    struct mono believed;       /* since when without unrest, while a fault stands there */
    int haste;             /* changes that came too fast */
    struct mono changed;   /* when it changed last, or began to chatter */
    uint64_t changes;      /* since the start */
};

struct inputs {
    struct input_board *board; /* borrowed; NULL = there are none */
    struct input_unit *unit;   /* owned */
    size_t n;
};

/* Takes the fire input, before anything else is done: *is_fire is its level. GH_INVALID or
 * GH_IO with one line in why; free with inputs_close also then. */
GH_MUST_CHECK enum gh_err inputs_open_fire(struct inputs *in, const struct config *config,
                                           struct input_board *board, bool *is_fire,
                                           char why[HAL_TEXT_MAX]);
/* Takes the others. Errors as inputs_open_fire. */
GH_MUST_CHECK enum gh_err inputs_open_doors(struct inputs *in, const struct config *config,
                                            char why[HAL_TEXT_MAX]);
void inputs_close(struct inputs *in);

/* Tells the controller how everything stands. */
void inputs_begin(struct inputs *in, struct controller *c, struct now now);

/* Polls readable when inputs_take may have something; -1 = there are no inputs. */
int inputs_fd(const struct inputs *in);
/* Takes what has changed, at most a turn's worth; true if there may be more. */
bool inputs_take(struct inputs *in, struct controller *c, struct now now);

/* Reads every line back; about once a second. */
void inputs_check(struct inputs *in, struct controller *c, struct now now);

/* "fire", "contact", "rex", "tamper"; static storage. */
const char *sense_name(enum sense sense);
/* "ok", "chatters", "lost"; static storage. */
const char *input_trouble_name(enum input_trouble trouble);

#endif
