#include "core/access.h"
#include "core/word.h"

static const char *const reason_words[REASONS] = {
    [REASON_GRANTED] = "granted",
    [REASON_READ_MALFORMED] = "read_malformed",
    [REASON_READER_UNKNOWN] = "reader_unknown",
    [REASON_READ_STALE] = "read_stale",
    [REASON_CREDENTIAL_TYPE_NOT_ACCEPTED] = "credential_type_not_accepted",
    [REASON_PIN_LOCKED_OUT] = "pin_locked_out",
    [REASON_CREDENTIAL_UNKNOWN] = "credential_unknown",
    [REASON_CREDENTIAL_UNASSIGNED] = "credential_unassigned",
    [REASON_PERSON_DISABLED] = "person_disabled",
    [REASON_CREDENTIAL_DISABLED] = "credential_disabled",
    [REASON_PERSON_NOT_YET_VALID] = "person_not_yet_valid",
    [REASON_PERSON_EXPIRED] = "person_expired",
    [REASON_CREDENTIAL_NOT_YET_VALID] = "credential_not_yet_valid",
    [REASON_CREDENTIAL_EXPIRED] = "credential_expired",
    [REASON_DOOR_UNLICENSED] = "door_unlicensed",
    [REASON_DOOR_BLOCKED] = "door_blocked",
    [REASON_DOOR_FORCED_CLOSED] = "door_forced_closed",
    [REASON_DOOR_LOCKED_DOWN] = "door_locked_down",
    [REASON_ALREADY_UNLOCKED] = "already_unlocked",
    [REASON_CLOCK_UNTRUSTED] = "clock_untrusted",
    [REASON_HOLIDAY] = "holiday",
    [REASON_OUTSIDE_SCHEDULE] = "outside_schedule",
    [REASON_ENTITLEMENT_NOT_STARTED] = "entitlement_not_started",
    [REASON_ENTITLEMENT_EXPIRED] = "entitlement_expired",
    [REASON_NO_PERMISSION] = "no_permission",
    [REASON_POLICY_STALE] = "policy_stale",
    [REASON_PIN_REQUIRED] = "pin_required",
    [REASON_PIN_WRONG] = "pin_wrong",
    [REASON_CARD_REQUIRED] = "card_required",
    [REASON_GEOFENCE_MISCONFIGURED] = "geofence_misconfigured",
    [REASON_LOCATION_UNAVAILABLE] = "location_unavailable",
    [REASON_LOCATION_IMPRECISE] = "location_imprecise",
    [REASON_OUTSIDE_GEOFENCE] = "outside_geofence",
    [REASON_OCCUPANCY_FULL] = "occupancy_full",
    [REASON_ANTIPASSBACK] = "antipassback",
    [REASON_USES_EXHAUSTED] = "uses_exhausted",
    [REASON_INTERLOCK] = "interlock",
    [REASON_CONTROLLER_OFFLINE] = "controller_offline",
    [REASON_SECOND_PERSON_REQUIRED] = "second_person_required",
    [REASON_HOLD_OPEN_ENDED] = "hold_open_ended",
    [REASON_POLICY_UNAVAILABLE] = "policy_unavailable",
    [REASON_DOOR_UNKNOWN] = "door_unknown",
};

const char *reason_name(enum reason reason)
{
    return reason_words[reason];
}

enum gh_err reason_parse(enum reason *out, struct slice word)
{
    int i;
    enum gh_err err = word_find(&i, reason_words, REASONS, word);
    if (err)
        return err;
    *out = (enum reason)i;
    return GH_OK;
}

static const char *const decision_words[3] = {
    [DECISION_DENIED] = "denied",
    [DECISION_GRANTED] = "granted",
    [DECISION_PENDING] = "pending",
};

const char *decision_name(enum decision decision)
{
    return decision_words[decision];
}

enum gh_err decision_parse(enum decision *out, struct slice word)
{
    int i;
    enum gh_err err = word_find(&i, decision_words, 3, word);
    if (err)
        return err;
    *out = (enum decision)i;
    return GH_OK;
}

const char *via_kind_name(const struct via *via)
{
    return via->is_rules ? "access_rules" : entitlement_kind_name(via->kind);
}

const char *violation_name(enum violation violation)
{
    switch (violation) {
    case VIOLATION_NONE: return NULL;
    case VIOLATION_ENTRY: return "entry";
    case VIOLATION_EXIT: return "exit";
    }
    return NULL;
}
