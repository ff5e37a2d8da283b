/* What a decision knows: the policy about a door, a reader and a holder, and
 * what the gateway itself sees and remembers.
 *
 * Facts are gathered by the shell; nothing here is computed. Lists are borrowed
 * from whoever gathered them. Source of the rules that use them: the decision
 * contract. */
#ifndef GATEHOUSE_CORE_FACTS_H
#define GATEHOUSE_CORE_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/localtime.h"
#include "core/policy.h"

/* A schedule that a row refers to. Not set = always. A schedule that does not exist is
 * set and has no windows: never; but where it says when something is asked for (a
 * second factor, an area), whoever gathers facts leaves it not set: always asked. */
struct hours {
    bool is_set;
    const struct schedule_window *windows;
    size_t n;
};

struct holiday_list {
    const struct policy_holiday *v;
    size_t n;
};

/* --- of a door ------------------------------------------------------------- */

/* The access rules that are effective at a door: its own, else those of a door
 * group that holds it, else the site's; among equals the lowest priority, then
 * the lowest id. A row that is inert (crit) has no types and no tags, and blocks
 * if it says so. */
struct rules_facts {
    bool is_set; /* there is such a row */
    struct id id;
    bool block;
    struct hours hours;
    const struct type_rule *types;
    size_t n_types;
    struct word_list tags;
};

/* The effective geofence, chosen as the access rules are. */
struct geofence_facts {
    bool is_set;
    struct policy_geofence fence;
};

/* A door_mode row whose where covers the door. */
struct mode_row {
    struct id id;
    enum mode_tier tier;
    enum mode_wish wish;
    struct hours hours;
    struct validity validity;
    bool allow_manual_end;
    int64_t at;           /* INSTANT_NONE = oldest */
    uint64_t fingerprint; /* of the row's line: another one when the row was changed */
};

/* All that the policy says of a door, whoever stands at it. */
struct door_facts {
    struct id id;
    struct policy_door door;
    struct hours factor_hours; /* of door.factor_schedule */
    struct rules_facts rules;
    struct geofence_facts geofence;
    bool is_lockdown; /* a lockdown row covers it */
    const struct mode_row *modes; /* of all tiers; bytewise order of id */
    size_t n_modes;
    const struct id *interlocked; /* the other doors of its interlocks; bytewise order, each once */
    size_t n_interlocked;
};

/* --- of a reader ----------------------------------------------------------- */

/* An area that a reader leads into or out of. */
struct area_facts {
    struct id id;
    bool is_entry; /* the reader is in entry; false: in exit. One that is in both is there twice */
    enum antipassback antipassback;
    int timeout_s;
    struct hours schedule; /* judged in the site's time zone */
    int reset_min;         /* RESET_NEVER */
    int max_occupancy;     /* OCCUPANCY_UNLIMITED */
    bool exit_without_entry_violates;
};

struct reader_facts {
    struct id id;
    struct policy_reader reader;
    const struct area_facts *areas; /* bytewise order of id, entry before exit */
    size_t n_areas;
};

/* --- of a holder ----------------------------------------------------------- */

/* A membership of a group that exists and is not inert. */
struct group_facts {
    struct validity validity; /* of the membership */
    bool antipassback_exempt;
    struct id_list floors;
};

struct holder_facts {
    bool credential_known;
    struct id credential_id;
    struct policy_credential credential; /* its value is never set */
    bool credential_denied;              /* by the deny lane */
    bool duress;                         /* found by the PIN whose last digit is one less */
    bool person_known;                   /* the row that credential.person names exists */
    struct policy_person person;         /* its id is credential.person; groups not set */
    bool person_denied;                  /* by the deny lane */
    const struct group_facts *groups;
    size_t n_groups;
};

/* One entitlement that is enabled, not denied, and whose who and where match the
 * holder at the door. One that matches by two memberships is there twice. */
struct entitlement_facts {
    struct id id;
    enum entitlement_kind kind;
    struct validity validity;   /* the entitlement's */
    struct validity membership; /* of the group membership that matched; unbounded else */
    struct hours hours;
    enum holiday_rule holiday;
    struct id calendar;
    struct id_list floors;
};

/* A pin credential that was offered as a second factor. */
struct pin_facts {
    bool is_known; /* there is a credential of type pin with this value; else nothing is set */
    struct id credential_id;
    struct id person; /* none = unassigned */
    bool is_enabled;  /* also by the deny lane */
    struct validity validity;
};

/* The policy's part: one read transaction. */
struct policy_facts {
    bool is_available; /* false: could not ask; nothing below is set */
    uint64_t generation; /* another number: the policy may be another one */
    struct policy_version version;
    struct policy_site site;
    struct holiday_list holidays; /* all of them, of whatever calendar */

    bool reader_known; /* false: nothing below is set */
    struct reader_facts reader;
    bool door_known;               /* false: the reader names a door that has no row */
    const struct door_facts *door; /* NULL if not known */

    struct holder_facts holder;
    const struct entitlement_facts *entitlements; /* bytewise order of id */
    size_t n_entitlements;

    struct pin_facts pin;        /* as offered */
    struct pin_facts duress_pin; /* with its last digit one less; only where duress is on */
};

/* --- what the gateway sees and remembers -------------------------------------- */

enum latch_kind { LATCH_OPEN, LATCH_ENDED };

/* What a read has made of a door_mode row, until an instant. */
struct latch {
    struct id row;
    enum latch_kind kind;
    int64_t until;        /* the end of the window, fixed at that read */
    uint64_t fingerprint; /* of the row at that read */
};

enum local_mode { LOCAL_NONE, LOCAL_UNLOCKED, LOCAL_LOCKED };

/* What commands have made of a door. */
struct local_state {
    enum local_mode mode;
    int64_t at;          /* of the command; meaningful unless LOCAL_NONE */
    int64_t until;       /* INSTANT_NONE = for good */
    int64_t restored_at; /* quick rows up to this are outweighed; INSTANT_NONE = never */
    bool is_lockdown;
};

/* A door as the gateway sees it now. */
struct door_situation {
    bool is_fire; /* the fire input of the door or of the site is active */
    struct local_state local;
    const struct latch *latches;
    size_t n_latches;
    bool is_interlocked;       /* another door of an interlock of it is open or released */
    bool is_controller_online; /* the relay board is reachable */
};

enum side { SIDE_NONE, SIDE_IN, SIDE_OUT };

/* A person's state in an area. */
struct pass {
    enum side side; /* SIDE_NONE: there is no state */
    int64_t at;     /* of the last pass */
};

/* For one of reader.areas. */
struct area_situation {
    struct pass pass;  /* of the holder */
    int others_inside; /* whose state is "in" and has not lapsed; need not count beyond max_occupancy */
};

/* What the gateway knows of the holder. */
struct holder_situation {
    const struct area_situation *areas; /* one for each of reader.areas, in the same order */
    int64_t uses_door, uses_total;      /* committed so far */
};

#endif
