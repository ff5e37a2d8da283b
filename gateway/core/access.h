/* May this read open this door? Facts and time in, verdict out.
 *
 * A pure total function: the same facts give the same verdict, and there is
 * no input for which it has none. Source of every rule: the decision contract,
 * "The order of checks"; the first check that fails is the reason. */
#ifndef GATEHOUSE_CORE_ACCESS_H
#define GATEHOUSE_CORE_ACCESS_H

#include <stdbool.h>

#include "core/clock.h"
#include "core/localtime.h"
#include "core/policy.h"
#include "core/read.h"

/* Every reason of the contract, in the order of the checks. */
enum reason {
    REASON_GRANTED,
    REASON_READ_MALFORMED,
    REASON_READER_UNKNOWN,
    REASON_READ_STALE,
    REASON_CREDENTIAL_TYPE_NOT_ACCEPTED,
    REASON_PIN_LOCKED_OUT,
    REASON_CREDENTIAL_UNKNOWN,
    REASON_CREDENTIAL_UNASSIGNED,
    REASON_PERSON_DISABLED,
    REASON_CREDENTIAL_DISABLED,
    REASON_PERSON_NOT_YET_VALID,
    REASON_PERSON_EXPIRED,
    REASON_CREDENTIAL_NOT_YET_VALID,
    REASON_CREDENTIAL_EXPIRED,
    REASON_DOOR_UNLICENSED,
    REASON_DOOR_BLOCKED,
    REASON_DOOR_FORCED_CLOSED,
    REASON_DOOR_LOCKED_DOWN,
    REASON_ALREADY_UNLOCKED,
    REASON_CLOCK_UNTRUSTED,
    REASON_HOLIDAY,
    REASON_OUTSIDE_SCHEDULE,
    REASON_ENTITLEMENT_NOT_STARTED,
    REASON_ENTITLEMENT_EXPIRED,
    REASON_NO_PERMISSION,
    REASON_POLICY_STALE,
    REASON_PIN_REQUIRED,
    REASON_PIN_WRONG,
    REASON_CARD_REQUIRED,
    REASON_GEOFENCE_MISCONFIGURED,
    REASON_LOCATION_UNAVAILABLE,
    REASON_LOCATION_IMPRECISE,
    REASON_OUTSIDE_GEOFENCE,
    REASON_OCCUPANCY_FULL,
    REASON_ANTIPASSBACK,
    REASON_USES_EXHAUSTED,
    REASON_INTERLOCK,
    REASON_CONTROLLER_OFFLINE,
    REASON_SECOND_PERSON_REQUIRED,
    REASON_HOLD_OPEN_ENDED,
    REASON_POLICY_UNAVAILABLE,
    REASON_DOOR_UNKNOWN,
};
#define REASONS 42

/* The word of the contract, e.g. "credential_unknown"; static storage. */
const char *reason_name(enum reason reason);
GH_MUST_CHECK enum gh_err reason_parse(enum reason *out, struct slice word);

enum decision { DECISION_DENIED, DECISION_GRANTED, DECISION_PENDING };
/* "denied", "granted", "pending"; static storage. */
const char *decision_name(enum decision decision);
GH_MUST_CHECK enum gh_err decision_parse(enum decision *out, struct slice word);

/* One entitlement whose who and where match this read at this door. An
 * entitlement that matches by two memberships is there twice. */
struct path_facts {
    struct id id;
    enum entitlement_kind kind;
    struct validity validity;   /* the entitlement's */
    struct validity membership; /* of the group membership that matched; unbounded else */
    bool has_schedule;          /* false = always */
    const struct schedule_window *windows; /* of the schedule; none of them = never */
    size_t n_windows;
    enum holiday_rule holiday;
    struct id calendar; /* unless the rule is to ignore */
};

#define POLICY_AGE_UNKNOWN (-1)

/* Now less the time of the newest checkpoint, at least 0; unknown before the
 * first checkpoint and while the clock is not trusted. */
int64_t access_policy_age_s(const struct policy_version *version, struct wall now);

/* All that a decision needs to know, gathered under one read transaction. */
struct access_facts {
    bool policy_available; /* false: could not ask; nothing below is set */
    struct policy_version version;
    struct policy_site site;

    bool reader_known; /* false: nothing below is set */
    struct policy_reader reader;
    struct id door_id;
    bool door_known;
    struct policy_door door;
    struct zone_view zone; /* of the door's time zone, around now */

    bool credential_known;
    struct id credential_id;
    struct policy_credential credential; /* its value is never set */
    bool credential_denied;              /* by the deny lane */
    bool person_known;                   /* the row that credential.person names exists */
    struct policy_person person;         /* groups not set */
    bool person_denied;                  /* by the deny lane */

    const struct path_facts *paths; /* bytewise order of id */
    size_t n_paths;

    /* All holidays, of whatever calendar; may be empty where no path looks at one. */
    const struct policy_holiday *holidays;
    size_t n_holidays;

    int64_t policy_age_s; /* of the newest checkpoint; POLICY_AGE_UNKNOWN */

    bool controller_online; /* the door's relay board is reachable */
};

struct via {
    bool present;
    enum entitlement_kind kind;
    struct id id;
};

struct verdict {
    enum decision decision;
    enum reason reason;
    struct via via;
    int release_s; /* 0 on anything but a grant */
};

/* What of the read the decision needs beyond the facts. */
struct access_request {
    enum credential_type type;
    bool malformed; /* the payload did not parse: nothing else counts */
    bool stale;     /* read_is_stale */
    bool pin_locked; /* lockout_is_locked, of the reader */
};

struct verdict access_decide(const struct access_request *request,
                             const struct access_facts *facts, struct wall now);

#endif
