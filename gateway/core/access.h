/* May this read open this door? Facts and time in, verdict out.
 *
 * A pure total function: the same facts give the same verdict, and there is
 * no input for which it has none. Source of every rule: the decision contract,
 * "The order of checks"; the first check that fails is the reason. */
#ifndef GATEHOUSE_CORE_ACCESS_H
#define GATEHOUSE_CORE_ACCESS_H

#include <stdbool.h>

#include "core/facts.h"
#include "core/mode.h"
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

/* The path by which somebody may pass. */
struct via {
    bool present;
    bool is_rules; /* access rules; else an entitlement of this kind: */
    enum entitlement_kind kind;
    struct id id;
};
/* "access_rules", "role", ...; static storage. The via must be present. */
const char *via_kind_name(const struct via *via);

enum violation { VIOLATION_NONE, VIOLATION_ENTRY, VIOLATION_EXIT };
/* "entry" or "exit", NULL for none; static storage. */
const char *violation_name(enum violation violation);

#define POLICY_AGE_UNKNOWN (-1)

/* Now less the time of the newest checkpoint, at least 0; unknown before the
 * first checkpoint and while the clock is not trusted. */
int64_t access_policy_age_s(const struct policy_version *version, struct wall now);

/* What of the read the decision needs beyond the facts. */
struct access_request {
    enum credential_type type;
    bool malformed;  /* the payload did not parse: nothing else counts */
    bool stale;      /* read_is_stale */
    bool pin_locked; /* lockout_is_locked, of the reader */
    bool has_pin;    /* a PIN was offered as a second factor: policy_facts.pin */
    bool is_second;  /* another person waits at the reader, who passes as far as a second
                        person is asked for */
    struct read_location location;
};

/* All that a decision is made of. Borrowed. */
struct access_facts {
    const struct policy_facts *policy;
    const struct door_situation *door;     /* of the reader's door; not looked at without one */
    const struct holder_situation *holder; /* not looked at without a reader and a person */
    struct moment now;
    int64_t policy_age_s; /* of the newest checkpoint; POLICY_AGE_UNKNOWN */
};

/* What a read does to the door_mode rows that decide. */
enum latch_action { LATCH_NOTHING, LATCH_THEM_OPEN, LATCH_THEM_ENDED };

struct verdict {
    enum decision decision;
    enum reason reason;
    struct via via;
    int release_s; /* 0 on anything but a pulse */
    bool is_extended; /* for a person who needs more time */
    enum violation violation;
    bool duress;
    bool has_mode; /* the door is known */
    enum door_mode mode; /* in which it was decided */
    size_t n_floors;     /* sorted: numbers, then names; each once */
    const struct id *floors[POLICY_FLOORS_MAX]; /* borrowed from the facts */
    enum latch_action latch; /* for the rows of mode_look */
    bool counts_use;         /* a use is consumed */
    bool records_pass;       /* the holder passes into or out of the reader's areas */
};

/* How a decision came about, check by check, for whoever asks why. */
#define TRACE_PATHS_MAX 64
struct access_trace {
    int n_checks; /* checks 0 to n_checks - 1 were made; the last may have failed */
    enum reason check[17]; /* REASON_GRANTED = no objection */
    size_t n_paths;
    struct {
        struct via via;
        enum reason reason; /* REASON_GRANTED = it passes */
    } path[TRACE_PATHS_MAX];
};

/* trace may be NULL. */
struct verdict access_decide(const struct access_request *request,
                             const struct access_facts *facts, struct access_trace *trace);

/* May somebody release the door by command (decision contract, "Admin release")?
 * REASON_GRANTED, REASON_POLICY_UNAVAILABLE, REASON_DOOR_UNKNOWN,
 * REASON_DOOR_LOCKED_DOWN, REASON_INTERLOCK or REASON_CONTROLLER_OFFLINE. */
enum reason access_admin_release(const struct access_facts *facts);

/* May a command hold the door open? REASON_GRANTED or the reason why not: policy,
 * door, locked down, forced closed, blocked; a fire changes nothing. */
enum reason access_hold_open(const struct access_facts *facts);

/* True if the door asks for card and PIN now. The door is known. */
bool access_asks_for_pin(const struct access_facts *facts);

#endif
