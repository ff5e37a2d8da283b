/* A gateway in a bottle: the controller, the policy replica and the doors, in
 * virtual time, with a journal and a board in memory.
 *
 * Reads and decisions take the very road that they take in gatehoused. Only the
 * bus, the disk and the clock are the rehearsal's own. */
#ifndef GATEHOUSE_APP_REHEARSAL_REHEARSAL_H
#define GATEHOUSE_APP_REHEARSAL_REHEARSAL_H

#include "app/gatehoused/controller.h"

#define REHEARSAL_WHY_MAX 256

struct rehearsal;

/* Makes one with an empty policy, in a folder of its own under $TMPDIR or /tmp.
 * Returns owned; NULL with one line in why. */
struct rehearsal *rehearsal_open(char why[REHEARSAL_WHY_MAX]);
void rehearsal_close(struct rehearsal *r);

/* Puts a policy row (or removes it: "op":"del") into what rehearsal_apply makes
 * the policy. GH_INVALID with why. A bad row leaves the others. */
GH_MUST_CHECK enum gh_err rehearsal_put(struct rehearsal *r, struct slice line,
                                        char why[REHEARSAL_WHY_MAX]);
/* Puts the rows of a policy file ("-" = standard input), as intake_read: every bad
 * line is reported, line 0 is about the file. */
GH_MUST_CHECK enum gh_err rehearsal_load(struct rehearsal *r, const char *path,
                                         void (*report)(void *context, int line,
                                                        const char *text),
                                         void *context);
/* Makes what was put since the last call the policy. On failure nothing changed. */
GH_MUST_CHECK enum gh_err rehearsal_apply(struct rehearsal *r, char why[REHEARSAL_WHY_MAX]);

/* References of the policy to rows that do not exist: as replica_writer_dangling. */
GH_MUST_CHECK enum gh_err rehearsal_dangling(struct rehearsal *r, int max,
                                             void (*each)(void *context, const char *line),
                                             void *context);

/* Lets time pass until this instant. GH_INVALID: it lies in the past. */
GH_MUST_CHECK enum gh_err rehearsal_pass(struct rehearsal *r, int64_t at);

void rehearsal_set_clock(struct rehearsal *r, enum clock_trust trust);
/* The policy is this old from now on; 0 at first. */
void rehearsal_set_policy_age(struct rehearsal *r, int64_t age_s);
/* GH_NOT_FOUND: no such door. */
GH_MUST_CHECK enum gh_err rehearsal_set_online(struct rehearsal *r, const struct id *door,
                                               bool online);

/* Presents a read: the payload as a reader would send it, at this reader. False:
 * nothing came of it. */
bool rehearsal_read(struct rehearsal *r, const struct id *reader, struct slice payload,
                    bool retained, struct controller_last *out);

/* Carries out a command. out.is_set: a present that was decided as a read. */
struct command_outcome rehearsal_command(struct rehearsal *r, const struct command *command,
                                         struct controller_last *out);

enum rehearsal_input { INPUT_CONTACT, INPUT_REX, INPUT_TAMPER, INPUT_FIRE };

/* Sets an input; contact: on = open. door NULL: the fire input of the site. */
void rehearsal_input(struct rehearsal *r, const struct id *door, enum rehearsal_input input,
                     bool on);

/* Ends the controller and starts it again on the same journal, as after a kill and
 * with the locks at their locked levels. */
GH_MUST_CHECK enum gh_err rehearsal_restart(struct rehearsal *r, char why[REHEARSAL_WHY_MAX]);

/* The door's machine; NULL if the policy has no such door. Borrowed. */
const struct door_unit *rehearsal_door(struct rehearsal *r, const struct id *door);

/* Calls each for the events since the last call of this function, in order. */
void rehearsal_events(struct rehearsal *r, void (*each)(void *context, struct slice event),
                      void *context);

#endif
