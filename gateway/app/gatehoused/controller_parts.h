/* What the files of the controller share among themselves, and nobody else. */
#ifndef GATEHOUSE_APP_GATEHOUSED_CONTROLLER_PARTS_H
#define GATEHOUSE_APP_GATEHOUSED_CONTROLLER_PARTS_H

#include "app/gatehoused/controller.h"

/* Records an event, with what waits in the ledger; with answer, its reader is
 * answered once it is durable, or at once if it cannot be recorded. */
void controller_record(struct controller *c, struct event *event, const struct repeat *repeat,
                       bool answer);

/* Sends feedback; once the broker has it, the read counts as answered. */
void controller_answer(struct controller *c, const struct id *reader, const struct id *read_id,
                       enum decision decision, enum reason reason);
/* The broker has the answer with this tag. */
void controller_answered(struct controller *c, uint64_t tag);

/* Brings a door's relays to their levels; a board that stops answering, and one that
 * answers again, is an event. */
void controller_reconcile(struct controller *c, struct door_unit *unit, struct now now);

/* --- a door at a moment (controller_door.c) ---------------------------------------------- */

/* What is needed to judge by local time. Stays where it is while now is in use. */
struct lens {
    struct zone_view zone, site_zone;
    struct moment now;
};
void controller_focus(struct controller *c, struct lens *lens, const struct policy_facts *policy,
                      struct wall now);

/* The door as the gateway sees it. latch needs room for MODE_ROWS_MAX. */
void controller_situation(struct controller *c, const struct door_unit *unit,
                          const struct door_facts *door, struct latch *latch,
                          struct door_situation *out);

/* A fire releases the door, whatever else is known of it. */
bool controller_fire_releases(const struct controller *c, const struct door_unit *unit);

/* Another door of its interlock is open or released, as far as there is a policy. */
bool controller_is_interlocked(struct controller *c, const struct door_unit *unit);

/* Looks at the mode of a door: journals a change and brings the door to it. */
void controller_look_at_mode(struct controller *c, struct door_unit *unit, struct now now);
/* Releases a door for somebody who was let in, now. */
void controller_release(struct controller *c, struct door_unit *unit,
                        const struct door_grant *grant, struct now now);
/* The same, once the event that was recorded last is durable if must_be_durable; the mode is
 * looked at before. policy: what was asked of that door just now, so that a release of now need
 * not ask again; NULL = it was not. */
void controller_release_once_safe(struct controller *c, struct door_unit *unit,
                                  const struct door_grant *grant, const struct policy_facts *policy,
                                  bool must_be_durable, struct now now);
void controller_release_deferred(struct controller *c, struct now now);

/* Records what the door's machine has brought, and brings the relay to its level. */
void controller_take_outcome(struct controller *c, struct door_unit *unit,
                             const struct door_outcome *outcome, struct now now);

/* Tells the door's readers that it should be closed (controller_input.c). */
void controller_warn(struct controller *c, const struct door_unit *unit);

/* The door's state may be another one than was published. */
void controller_state_changed(struct controller *c, struct door_unit *unit, struct now now);

/* Lets time pass for all doors. */
void controller_pass_doors(struct controller *c, bool all, struct now now);

/* --- reads ------------------------------------------------------------------------------- */

/* Areas that one reader may lead into and out of. */
#define ROAD_AREAS_MAX 32

/* A read on its way. Stays where it is: its parts point at each other. */
struct road {
    struct id reader, read_id;
    enum credential_type type;
    int bits;
    bool has_value; /* it could be parsed: the hashes are set */
    bool is_duress; /* hash is that of the PIN that was meant, not of the one that was given */
    unsigned char hash[SHA256_LEN], duress_hash[SHA256_LEN];
    unsigned char pin_hash[SHA256_LEN], pin_duress_hash[SHA256_LEN];
    struct access_request request;

    struct policy_facts policy;
    struct lens lens;
    struct door_unit *unit; /* NULL = not a door of ours, or unknown */
    struct latch latch[MODE_ROWS_MAX];
    struct door_situation door;
    struct area_situation areas[ROAD_AREAS_MAX];
    struct holder_situation holder;
};

/* The first of two persons, who waited for the second. */
struct companion {
    struct id credential, person;
    bool has_limit;   /* of uses */
    bool is_extended; /* needs more time */
    int extended_s;
    bool duress;
};

/* Asks the policy and looks at the door. */
void controller_gather(struct controller *c, struct road *road, struct now now);
/* Decides. with: the person who waits at the reader and passes; NULL = nobody. */
struct verdict controller_judge(struct controller *c, struct road *road, const struct id *with,
                                struct access_trace *trace, struct now now);
/* Journals the decision and acts on it. */
void controller_settle(struct controller *c, const struct road *road, const struct verdict *v,
                       const struct companion *with, struct now now);
/* Notes what came of the read, for controller.last. */
void controller_say(struct controller *c, const struct road *road, const struct verdict *v);

/* --- second factors (controller_wait.c) ---------------------------------------------------- */

/* The PIN for the card that waits has come. */
void controller_complete_with_pin(struct controller *c, struct wait *waiting,
                                  const struct road *pin, struct now now);
/* The read is to wait; waiting is who waits there already, or NULL. */
void controller_wait(struct controller *c, struct wait *waiting, struct road *road,
                     const struct verdict *verdict, struct now now);

/* The road of a read (controller_read.c). */
void controller_read(struct controller *c, const struct bus_note *note, const struct id *reader,
                     struct now now);
/* A retained message of a reader or of a panel (the other is NULL): an event, and it is cleared. */
void controller_refuse_retained(struct controller *c, const struct bus_note *note,
                                const struct id *reader, const struct id *panel, struct now now);

/* A command of a local panel (controller_panel.c). */
void controller_panel(struct controller *c, const struct bus_note *note, const struct id *panel,
                      struct now now);

/* A read that came with a command: fresh, and decided as any other. False: it was
 * decided before, and last says how. */
void controller_present(struct controller *c, const struct read *read, struct now now);

/* Denies the reads whose second factor did not come (controller_wait.c). */
void controller_pass_waits(struct controller *c, struct now now);

/* Publishes what has changed of the doors' states: some, and the others soon (door_state.c). */
void controller_publish_doors(struct controller *c, struct now now);
/* All of it, at the end. */
void controller_publish_last(struct controller *c, struct now now);

/* Publishes gateway/status (status.c). */
void controller_publish_status(struct controller *c, struct now now);

#endif
