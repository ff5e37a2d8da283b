#include "core/dialect.h"

#include "core/word.h"

static const char *const dialect_table[DIALECTS] = {
    [DIALECT_NATIVE] = "native",
    [DIALECT_DOORFLOW_GUIDE] = "doorflow-guide",
    [DIALECT_DOORFLOW_API] = "doorflow-api",
    [DIALECT_AKUVOX] = "akuvox",
    [DIALECT_PERFORMANCE_HUB] = "performance-hub",
    [DIALECT_ONVIF] = "onvif",
};

const char *dialect_name(enum dialect dialect)
{
    return dialect_table[dialect];
}

enum gh_err dialect_parse(enum dialect *out, struct slice word)
{
    int i;
    enum gh_err err = word_find(&i, dialect_table, DIALECTS, word);
    if (err)
        return err;
    *out = (enum dialect)i;
    return GH_OK;
}

/* --- the table --------------------------------------------------------------- */

/* Lines of the table: the rows of the contract, in its order. A row with exceptions in
 * parentheses, or with several values in a cell, is as many lines here. */
enum table_line {
    LINE_CREDENTIAL_UNKNOWN,
    LINE_CREDENTIAL_UNKNOWN_PIN,
    LINE_TYPE_NOT_ACCEPTED,
    LINE_PERSON_OFF,
    LINE_CREDENTIAL_OFF,
    LINE_NOT_YET_VALID,
    LINE_EXPIRED,
    LINE_USES,
    LINE_NO_PERMISSION,
    LINE_OUTSIDE_SCHEDULE,
    LINE_ON_HOLIDAY,
    LINE_PATH_NOT_STARTED,
    LINE_PATH_EXPIRED,
    LINE_UNLICENSED,
    LINE_BLOCKED,
    LINE_LOCKED_DOWN,
    LINE_PIN_IS_WRONG,
    LINE_PIN_OTHER,
    LINE_SECOND_PERSON,
    LINE_ENTRY_VIOLATION,
    LINE_EXIT_VIOLATION,
    LINE_NO_LOCATION,
    LINE_IMPRECISE,
    LINE_OUTSIDE_FENCE,
    LINE_FENCE_MISCONFIGURED,
    LINE_BOARD_OFFLINE,
    LINE_RELEASE_UNCONFIRMED,
    LINE_ANYTHING_ELSE,
    LINE_BY_CARD,
    LINE_BY_PIN,
    LINE_BY_MOBILE,
    LINE_BY_OTHER,
    LINE_RESERVED_CARD,
    LINE_RESERVED_PIN,
    LINE_RESERVED_OTHER,
    LINE_UNLOCKED,
    LINE_ADMIN_RELEASE,
    LINE_EXIT_REQUEST,
};
#define TABLE_LINES 38
#define COLUMNS 5

/* Cells as they stand in the contract: "~" before what is only the nearest, NULL
 * where it has a dash. */
#define INVALID_TYPE "Invalid {Type}"
#define NEAR_INVALID_TYPE "~Invalid {Type}"
#define NO_ACCESS "No access permission or door license is not available"
#define NEAR_NO_ACCESS "~No access permission or door license is not available"
#define PERIOD "Not within the valid period"
#define NEAR_PERIOD "~Not within the valid period"
#define NO_MATCH "no_matching_rule_or_grant"
#define NEAR_NO_MATCH "~no_matching_rule_or_grant"
#define NOT_NOW "NotPermittedAtThisTime"

static const char *const table[TABLE_LINES][COLUMNS] = {
    /* doorflow-guide, doorflow-api, akuvox, performance-hub, onvif */
    /* CredentialNotFound is a topic at ONVIF, the others are reasons. */
    [LINE_CREDENTIAL_UNKNOWN] = {"25", "20", INVALID_TYPE, NEAR_NO_MATCH, "CredentialNotFound"},
    [LINE_CREDENTIAL_UNKNOWN_PIN] = {"25", "24", INVALID_TYPE, NEAR_NO_MATCH, "CredentialNotFound"},
    [LINE_TYPE_NOT_ACCEPTED] = {"~25", "26", NEAR_INVALID_TYPE, NEAR_NO_MATCH, "Unauthorized"},
    [LINE_PERSON_OFF] = {"21", "~27", NEAR_NO_ACCESS, "access_disabled", "CredentialNotEnabled"},
    [LINE_CREDENTIAL_OFF] = {"22", "~27", NEAR_INVALID_TYPE, "~access_disabled",
                             "CredentialNotEnabled"},
    [LINE_NOT_YET_VALID] = {"~24", "~21", PERIOD, NEAR_NO_MATCH, "CredentialNotActive"},
    [LINE_EXPIRED] = {"~26", "~21", PERIOD, NEAR_NO_MATCH, "CredentialExpired"},
    [LINE_USES] = {"~26", "~21", NEAR_PERIOD, NEAR_NO_MATCH, "CredentialExpired"},
    [LINE_NO_PERMISSION] = {"23", "~27", NO_ACCESS, NO_MATCH, "Unauthorized"},
    [LINE_OUTSIDE_SCHEDULE] = {"24", "21", NO_ACCESS, NO_MATCH, NOT_NOW},
    [LINE_ON_HOLIDAY] = {"~24", "~21", "No access permission during holidays", NO_MATCH, NOT_NOW},
    [LINE_PATH_NOT_STARTED] = {"~24", "~21", NEAR_PERIOD, NO_MATCH, NOT_NOW},
    [LINE_PATH_EXPIRED] = {"26", "~27", NEAR_PERIOD, NO_MATCH, NOT_NOW},
    [LINE_UNLICENSED] = {"~23", "~27", "Door license expired or not activated", NEAR_NO_MATCH,
                         "Other"},
    [LINE_BLOCKED] = {"~23", "~22", "~Property Under Lock", NEAR_NO_MATCH, "Other"},
    [LINE_LOCKED_DOWN] = {"~23", "22", "Property Under Lock", NEAR_NO_MATCH, "Other"},
    [LINE_PIN_IS_WRONG] = {"~25", "24", "Invalid PIN", NEAR_NO_MATCH, "InvalidPIN"},
    [LINE_PIN_OTHER] = {"~25", "~24", "~Invalid PIN", NEAR_NO_MATCH, "InvalidPIN"},
    [LINE_SECOND_PERSON] = {"~23", "~27", NEAR_NO_ACCESS, NEAR_NO_MATCH, "Other"},
    [LINE_ENTRY_VIOLATION] = {"~23", "28", "Entry Violation", NEAR_NO_MATCH, "Other"},
    [LINE_EXIT_VIOLATION] = {"~23", "28", "Exit Violation", NEAR_NO_MATCH, "Other"},
    [LINE_NO_LOCATION] = {"~23", "~27", NEAR_NO_ACCESS, "location_unavailable", "Other"},
    [LINE_IMPRECISE] = {"~23", "~27", NEAR_NO_ACCESS, "gps_too_imprecise", "Other"},
    [LINE_OUTSIDE_FENCE] = {"~23", "~27", NEAR_NO_ACCESS, "outside_geofence", "Other"},
    [LINE_FENCE_MISCONFIGURED] = {"~23", "~27", NEAR_NO_ACCESS, "~outside_geofence", "Other"},
    [LINE_BOARD_OFFLINE] = {"~23", "29", "Offline", "device_offline", "Other"},
    [LINE_RELEASE_UNCONFIRMED] = {NULL, "25", "Failed", "Timed out", "Other"},
    [LINE_ANYTHING_ELSE] = {"~23", "~27", NEAR_NO_ACCESS, NEAR_NO_MATCH, "Other"},
    [LINE_BY_CARD] = {"10", "10", "Success", "Unlocked", "AccessGranted"},
    [LINE_BY_PIN] = {"15", "11", "Success", "Unlocked", "AccessGranted"},
    [LINE_BY_MOBILE] = {"16", "15", "Success", "Unlocked", "AccessGranted"},
    /* Of other types the numbers know nothing; the words are the same for every type. */
    [LINE_BY_OTHER] = {"~10", "~10", "Success", "Unlocked", "AccessGranted"},
    [LINE_RESERVED_CARD] = {"13", "10", "Success", "Unlocked", "AccessGranted"},
    [LINE_RESERVED_PIN] = {"13", "11", "Success", "Unlocked", "AccessGranted"},
    [LINE_RESERVED_OTHER] = {"13", "~10", "Success", "Unlocked", "AccessGranted"},
    [LINE_UNLOCKED] = {"12", "16", "Success", "Unlocked", "AccessGranted"},
    [LINE_ADMIN_RELEASE] = {"14", "12", "Success", "Admin Unlocked", "AccessGranted"},
    [LINE_EXIT_REQUEST] = {NULL, "13", "Success", NULL, "AccessGranted"},
};

/* {Type}, spelt out. */
static const char *const invalid_type[CREDENTIAL_TYPES] = {
    [CREDENTIAL_CARD] = "Invalid RF Card",
    [CREDENTIAL_UHF] = "Invalid UHF Card",
    [CREDENTIAL_PIN] = "Invalid PIN",
    [CREDENTIAL_PLATE] = "Invalid License Plate",
    [CREDENTIAL_QR] = "Invalid QR Code",
    [CREDENTIAL_FACE] = "Invalid Face",
    [CREDENTIAL_FINGERPRINT] = "Invalid Fingerprint",
    [CREDENTIAL_MOBILE] = "Invalid Mobile",
};

/* What the numbers mean, in our words. */
struct meaning {
    const char *code, *text;
};

static const struct meaning guide_meanings[] = {
    {"10", "granted by card"},
    {"12", "granted, the door was unlocked already"},
    {"13", "granted by a reservation"},
    {"14", "released by an administrator"},
    {"15", "granted by PIN"},
    {"16", "granted by mobile"},
    {"21", "refused, the person is disabled"},
    {"22", "refused, the credential is disabled"},
    {"23", "refused, no permission for this door"},
    {"24", "refused, not at this time"},
    {"25", "refused, the credential is not known"},
    {"26", "refused, the permission has expired"},
    {NULL, NULL},
};

static const struct meaning api_meanings[] = {
    {"10", "granted by card"},
    {"11", "granted by PIN"},
    {"12", "released by an administrator"},
    {"13", "request to exit"},
    {"15", "granted by mobile"},
    {"16", "granted, the door was unlocked already"},
    {"20", "refused, the credential is not known"},
    {"21", "refused, not at this time"},
    {"22", "refused, the door is locked down"},
    {"24", "refused, wrong PIN"},
    {"25", "the release was not confirmed"},
    {"26", "refused, a credential of this type is not accepted"},
    {"27", "refused, no permission for this door"},
    {"28", "anti-passback violation"},
    {"29", "refused, the controller is offline"},
    {NULL, NULL},
};

/* --- which line ------------------------------------------------------------- */

static enum table_line line_of_location(enum reason reason)
{
    if (reason == REASON_LOCATION_UNAVAILABLE)
        return LINE_NO_LOCATION;
    if (reason == REASON_LOCATION_IMPRECISE)
        return LINE_IMPRECISE;
    return reason == REASON_OUTSIDE_GEOFENCE ? LINE_OUTSIDE_FENCE : LINE_FENCE_MISCONFIGURED;
}

static enum table_line line_of_violation(enum violation violation)
{
    return violation == VIOLATION_EXIT ? LINE_EXIT_VIOLATION : LINE_ENTRY_VIOLATION;
}

static bool is_type(const struct dialect_event *e, enum credential_type type)
{
    return e->has_type && e->type == type;
}

static enum table_line line_of_denial(const struct dialect_event *e)
{
    switch (e->reason) {
    case REASON_CREDENTIAL_UNKNOWN:
    case REASON_CREDENTIAL_UNASSIGNED:
        return is_type(e, CREDENTIAL_PIN) ? LINE_CREDENTIAL_UNKNOWN_PIN : LINE_CREDENTIAL_UNKNOWN;
    case REASON_CREDENTIAL_TYPE_NOT_ACCEPTED: return LINE_TYPE_NOT_ACCEPTED;
    case REASON_PERSON_DISABLED: return LINE_PERSON_OFF;
    case REASON_CREDENTIAL_DISABLED: return LINE_CREDENTIAL_OFF;
    case REASON_PERSON_NOT_YET_VALID:
    case REASON_CREDENTIAL_NOT_YET_VALID: return LINE_NOT_YET_VALID;
    case REASON_PERSON_EXPIRED:
    case REASON_CREDENTIAL_EXPIRED: return LINE_EXPIRED;
    case REASON_USES_EXHAUSTED: return LINE_USES;
    case REASON_NO_PERMISSION: return LINE_NO_PERMISSION;
    case REASON_OUTSIDE_SCHEDULE: return LINE_OUTSIDE_SCHEDULE;
    case REASON_HOLIDAY: return LINE_ON_HOLIDAY;
    case REASON_ENTITLEMENT_NOT_STARTED: return LINE_PATH_NOT_STARTED;
    case REASON_ENTITLEMENT_EXPIRED: return LINE_PATH_EXPIRED;
    case REASON_DOOR_UNLICENSED: return LINE_UNLICENSED;
    case REASON_DOOR_BLOCKED:
    case REASON_DOOR_FORCED_CLOSED: return LINE_BLOCKED;
    case REASON_DOOR_LOCKED_DOWN: return LINE_LOCKED_DOWN;
    case REASON_PIN_WRONG: return LINE_PIN_IS_WRONG;
    case REASON_PIN_REQUIRED:
    case REASON_CARD_REQUIRED:
    case REASON_PIN_LOCKED_OUT: return LINE_PIN_OTHER;
    case REASON_SECOND_PERSON_REQUIRED: return LINE_SECOND_PERSON;
    case REASON_ANTIPASSBACK: return line_of_violation(e->violation);
    case REASON_LOCATION_UNAVAILABLE:
    case REASON_LOCATION_IMPRECISE:
    case REASON_OUTSIDE_GEOFENCE:
    case REASON_GEOFENCE_MISCONFIGURED: return line_of_location(e->reason);
    case REASON_CONTROLLER_OFFLINE: return LINE_BOARD_OFFLINE;
    case REASON_GRANTED:
    case REASON_READ_MALFORMED:
    case REASON_READER_UNKNOWN:
    case REASON_READ_STALE:
    case REASON_ALREADY_UNLOCKED:
    case REASON_CLOCK_UNTRUSTED:
    case REASON_POLICY_STALE:
    case REASON_OCCUPANCY_FULL:
    case REASON_INTERLOCK:
    case REASON_HOLD_OPEN_ENDED:
    case REASON_POLICY_UNAVAILABLE:
    case REASON_DOOR_UNKNOWN: break;
    }
    return LINE_ANYTHING_ELSE;
}

static enum table_line line_of_grant(const struct dialect_event *e)
{
    bool is_card = is_type(e, CREDENTIAL_CARD), is_pin = is_type(e, CREDENTIAL_PIN);
    if (e->violation != VIOLATION_NONE) /* logged only, but the vendors' word is for that */
        return line_of_violation(e->violation);
    if (e->reason == REASON_ALREADY_UNLOCKED)
        return LINE_UNLOCKED;
    if (e->by_reservation) {
        if (is_card)
            return LINE_RESERVED_CARD;
        return is_pin ? LINE_RESERVED_PIN : LINE_RESERVED_OTHER;
    }
    if (is_card)
        return LINE_BY_CARD;
    if (is_pin)
        return LINE_BY_PIN;
    return is_type(e, CREDENTIAL_MOBILE) ? LINE_BY_MOBILE : LINE_BY_OTHER;
}

/* False: the table has no line for such an event. */
static bool find_line(const struct dialect_event *e, enum table_line *out)
{
    bool is_denied = e->has_decision && e->decision == DECISION_DENIED;
    bool is_granted = e->has_decision && e->decision == DECISION_GRANTED;
    if (e->kind == EVENT_RELAY_FAULT)
        *out = LINE_RELEASE_UNCONFIRMED;
    else if (e->kind == EVENT_REQUEST_TO_EXIT)
        *out = LINE_EXIT_REQUEST;
    else if (e->kind == EVENT_COMMAND && e->is_release)
        *out = LINE_ADMIN_RELEASE;
    else if ((e->kind == EVENT_ACCESS || e->kind == EVENT_COMMAND) && is_denied)
        *out = line_of_denial(e);
    else if (e->kind == EVENT_ACCESS && is_granted)
        *out = line_of_grant(e);
    else
        return false;
    return true;
}

/* --- rendering -------------------------------------------------------------- */

static const char *meaning_of(const struct meaning *list, const char *code)
{
    while (list->code && strcmp(list->code, code) != 0)
        list++;
    return list->text;
}

struct dialect_words dialect_render(enum dialect dialect, const struct dialect_event *event)
{
    enum table_line line;
    struct dialect_words words = {0};
    if (dialect == DIALECT_NATIVE || !find_line(event, &line))
        return words;
    const char *cell = table[line][dialect - DIALECT_DOORFLOW_GUIDE];
    if (!cell)
        return words;
    words.is_rendered = true;
    words.is_nearest = cell[0] == '~';
    words.code = words.is_nearest ? cell + 1 : cell;
    if (strcmp(words.code, INVALID_TYPE) == 0) {
        /* Without a type there is no word that is meant for it. */
        words.is_nearest = words.is_nearest || !event->has_type;
        words.code = invalid_type[event->has_type ? event->type : CREDENTIAL_CARD];
    }
    words.text = words.code;
    if (dialect == DIALECT_DOORFLOW_GUIDE)
        words.text = meaning_of(guide_meanings, words.code);
    else if (dialect == DIALECT_DOORFLOW_API)
        words.text = meaning_of(api_meanings, words.code);
    return words;
}
