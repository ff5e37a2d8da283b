/* The doors of this gateway: each a machine, its relay, and what commands and
 * reads have left behind at it.
 *
 * The machine says which level the relay must have; reconciling sets it, reads
 * it back, and remembers whether the board answers. */
#ifndef GATEHOUSE_APP_GATEHOUSED_DOORS_H
#define GATEHOUSE_APP_GATEHOUSED_DOORS_H

#include <stdbool.h>

#include "app/config.h"
#include "app/gatehoused/id_map.h"
#include "app/gatehoused/ledger.h"
#include "core/door.h"
#include "relay.h"

/* Persons who were let in and whose pass counts once the door opens. */
#define DOOR_COMMITS_MAX 4
struct door_commit {
    struct id reader, person;
};

/* Floors of an elevator, as bits: the door's first [floor] is bit 0. */
#define FLOORS_ALL UINT64_MAX

/* What somebody was let in with. */
struct door_grant {
    int release_s;      /* 0: the door is open to all; only its mode is looked at again */
    uint64_t floors;    /* that may be chosen */
    bool uses_operator; /* the automatic operator opens the door */
};

enum output_role { OUTPUT_LOCK, OUTPUT_OPENER, OUTPUT_FLOOR };

/* A relay of a door. */
struct door_output {
    enum output_role role;
    int relay;      /* index on the board */
    struct id floor;
    uint64_t bit;   /* of the floor */
    bool is_free;   /* the floor can be chosen, until then */
    struct mono free_until;
};

/* What is published of a door. */
struct door_state {
    enum door_mode mode;
    const char *onvif, *alarm; /* static; alarm NULL = none */
    bool is_released, has_contact, is_open;
    struct mono release_ends; /* 0 = no release runs */
    int64_t until; /* of an order to hold it open or locked; INSTANT_NONE = none */
};

struct door_unit {
    const struct config_door *config; /* borrowed */
    struct door door;
    struct door_rules rules; /* of the policy that was looked at last */
    struct door_output *output; /* owned */
    size_t n_outputs;
    bool online;     /* the relays that let people in took and confirmed their last levels */
    bool is_fire_ignored;    /* by the policy that was looked at last */
    bool is_fire;            /* its own fire input */
    const char *fault;       /* what its relays do wrong, as was journalled; NULL = nothing */
    bool is_mending;         /* they are right again, since then, and that is not journalled yet */
    struct mono right_since;
    enum door_mode noted;    /* the mode that was journalled last */

    struct local_state local;
    struct latch latch[MODE_ROWS_MAX];
    uint64_t latch_seq[MODE_ROWS_MAX]; /* of the event that made it */
    size_t n_latches;

    /* The last look at the mode, and until when it holds. */
    bool is_looked;
    uint64_t generation;
    enum clock_trust trust;
    int64_t looked_at, look_next; /* wall seconds */

    /* doors/{door}/state */
    bool is_state_due, is_published;
    struct door_state published;

    struct door_commit commit[DOOR_COMMITS_MAX];
    size_t n_commits;
};

struct doors {
    struct relay_board *board; /* borrowed */
    struct door_unit *unit;    /* owned */
    size_t n;
    struct id_map by_id;
};

/* Takes every relay at its locked level; a door that starts_released at the other, and
 * in the mode unlocked. GH_INVALID or GH_IO with one line in
 * why when a line cannot be had: then nothing may start. */
GH_MUST_CHECK enum gh_err doors_open(struct doors *out, const struct config *config,
                                     struct relay_board *board,
                                     bool (*starts_released)(void *context, const struct id *door),
                                     void *context, char why[HAL_TEXT_MAX]);
/* Takes one door more. config is borrowed; pointers to units end here. */
GH_MUST_CHECK enum gh_err doors_add(struct doors *doors, const struct config *whole,
                                    const struct config_door *config, bool starts_released,
                                    char why[HAL_TEXT_MAX]);
void doors_close(struct doors *doors);

/* Takes over what the ledger knows of the doors, in place of what they know. */
void doors_remember(struct doors *doors, struct ledger *ledger);

/* Changes what commands have made of a door, here and in the ledger. */
void doors_set_local(struct door_unit *unit, struct ledger *ledger, enum local_mode mode,
                     int64_t at, int64_t until);
void doors_set_restored(struct door_unit *unit, struct ledger *ledger, int64_t at);
void doors_set_lockdown(struct door_unit *unit, struct ledger *ledger, bool is_lockdown,
                        int64_t at);
/* Sets or replaces the latch of a row; seq is the number of the event that does it. */
void doors_set_latch(struct door_unit *unit, struct ledger *ledger, const struct latch *latch,
                     uint64_t seq);
/* Forgets the i-th latch. */
void doors_drop_latch(struct door_unit *unit, struct ledger *ledger, size_t i);

/* door_alarm, or "relay_fault"; NULL if none; static storage. */
const char *doors_alarm(const struct door_unit *unit);

/* NULL if the door is none of ours. */
struct door_unit *doors_find(const struct doors *doors, const struct id *id);

/* Sets the relays to what the machine says, always, and reads them back. NULL if all
 * are now known to be right; else what is not, for a person (static storage).
 * unit->online says whether the lock's relay and those of the floors are. */
const char *doors_reconcile(struct doors *doors, struct door_unit *unit);

/* The bits of those floors that the door has relays for. */
uint64_t doors_floors(const struct door_unit *unit, const struct id *const *floors, size_t n);

/* Lets those floors be chosen until then, unless they can be for longer: as long as the door
 * is released for somebody, but each only for the time of who may go there. */
void doors_free_floors(struct door_unit *unit, uint64_t floors, struct mono until);
/* Ends what is over; true: reconcile. */
bool doors_pass_floors(struct door_unit *unit, struct mono now);
void doors_end_floors(struct door_unit *unit);

/* The earliest deadline of all machines and floors; false = none. */
bool doors_deadline(const struct doors *doors, struct mono *out);

#endif
