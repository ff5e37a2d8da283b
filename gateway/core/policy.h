/* Policy rows, as the decision sees them (decision contract, policy rows).
 *
 * A row is {"k":KIND,"id":ID,"d":{...}}. This header holds what this version
 * evaluates; a row that holds more is refused where it is parsed, so that an
 * unknown restriction never becomes no restriction. */
#ifndef GATEHOUSE_CORE_POLICY_H
#define GATEHOUSE_CORE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/date.h"
#include "core/id.h"
#include "core/read.h"

/* Longest line of a row, bytes without its newline. */
#define POLICY_LINE_MAX (1024 * 1024)
#define POLICY_NAME_MAX 128
#define POLICY_WINDOWS_MAX 256 /* windows in one schedule */

enum row_kind {
    ROW_SITE,
    ROW_DOOR,
    ROW_READER,
    ROW_DOOR_GROUP,
    ROW_GROUP,
    ROW_PERSON,
    ROW_CREDENTIAL,
    ROW_SCHEDULE,
    ROW_ENTITLEMENT,
    ROW_HOLIDAY,
};
#define ROW_KINDS 10

/* "site", "door", ...; static storage. */
const char *row_kind_name(enum row_kind kind);
GH_MUST_CHECK enum gh_err row_kind_parse(enum row_kind *out, struct slice word);

struct id_list {
    const struct id *v; /* borrowed from the row's arena */
    size_t n;
};

#define TZ_NAME_MAX 63

/* Sorts of credential, by how old a policy may be that lets them in. */
enum credential_class { CLASS_PERSONAL, CLASS_VISITOR, CLASS_DELIVERY, CLASS_ADMIN };
#define CREDENTIAL_CLASSES 4

/* No limit, in policy_site.max_policy_age_s. */
#define POLICY_AGE_UNLIMITED (-1)

#define PIN_FAILURES_MAX 100

/* When wrong PINs at a reader lock PIN entry there. */
struct pin_lockout {
    int failures; /* [5], 1..PIN_FAILURES_MAX */
    int window_s; /* [60], 1..86400 */
    int lock_s;   /* [60], 1..86400 */
};

struct policy_site {
    char tz[TZ_NAME_MAX + 1]; /* IANA name */
    int read_max_age_s;       /* [5], 1..60 */
    struct pin_lockout pin_lockout;
    int max_policy_age_s[CREDENTIAL_CLASSES]; /* [none, 86400, 86400, none]; by class */
};

struct policy_door {
    char name[POLICY_NAME_MAX + 1];
    char tz[TZ_NAME_MAX + 1]; /* empty = the site's */
    int release_s;            /* [10], 1..30 */
    int extended_release_s;   /* [20], 1..120; for persons with extended_release */
    bool licensed;            /* [true] */
    int64_t license_until;    /* INSTANT_NONE = for ever */
};

/* One bit per credential_type. */
typedef uint16_t credential_type_set;
#define CREDENTIAL_TYPES_ALL ((credential_type_set)0xff)

struct policy_reader {
    struct id door;
    credential_type_set accepts;
};

struct policy_door_group {
    struct id_list doors;
};

/* A person's membership of a group, within its own dates. */
struct policy_membership {
    struct id group;
    struct validity validity;
};

struct policy_person {
    bool enabled;          /* [true]; false = kill switch */
    bool extended_release; /* needs more time at a door */
    struct validity validity;
    const struct policy_membership *groups; /* borrowed from the row's arena */
    size_t n_groups;
};

struct policy_credential {
    struct id person; /* none = unassigned */
    enum credential_type type;
    struct credential_value value; /* only in a row on its way in; never stored */
    int bits;                      /* 0 = not given */
    bool enabled;
    struct id disabled_reason; /* "lost", "stolen", ...; none if absent */
    enum credential_class credential_class;
    struct validity validity;
};

/* A weekly window, on the wall clock of the door. */
struct schedule_window {
    uint8_t days;       /* bit 0 = Monday .. bit 6 = Sunday */
    uint16_t start_min; /* minutes after midnight, 0..1439 */
    uint16_t end_min;   /* 1..1440; below start_min = ends on the next day */
};

struct policy_schedule {
    const struct schedule_window *windows; /* borrowed from the row's arena */
    size_t n_windows;                      /* 0 = never */
};

/* A span of a local day, not over midnight. */
struct day_span {
    uint16_t start_min; /* minutes after midnight, 0..1439 */
    uint16_t end_min;   /* above start_min, up to 1440 */
};
#define POLICY_WORKING_MAX 16 /* working spans of one holiday */

struct policy_holiday {
    struct id calendar;   /* ["default"] */
    struct date from, to; /* inclusive */
    bool yearly;          /* the range comes back each year, from its own on; then it is
                             shorter than a year */
    const struct day_span *working; /* borrowed from the row's arena */
    size_t n_working;
};

/* What an entitlement makes of a holiday of its calendar. */
enum holiday_rule { HOLIDAY_IGNORE, HOLIDAY_INTERSECT, HOLIDAY_REPLACE };

enum entitlement_kind {
    ENTITLEMENT_ROLE,
    ENTITLEMENT_ACCESS_GROUP,
    ENTITLEMENT_GRANT,
    ENTITLEMENT_RESERVATION,
    ENTITLEMENT_TEMP_KEY,
    ENTITLEMENT_DELIVERY,
};
#define ENTITLEMENT_KINDS 6

/* "role", "access_group", ...; static storage. */
const char *entitlement_kind_name(enum entitlement_kind kind);
GH_MUST_CHECK enum gh_err entitlement_kind_parse(enum entitlement_kind *out, struct slice word);

struct policy_entitlement {
    enum entitlement_kind kind;
    bool enabled;
    struct id schedule; /* none = always */
    struct validity validity;
    enum holiday_rule holiday;
    struct id calendar; /* ["default"] */
    struct {
        bool everyone;
        struct id_list persons, credentials, groups;
    } who; /* an OR; all empty = nobody */
    struct {
        bool all;
        struct id_list doors, door_groups;
    } where; /* an OR; all empty = nowhere */
};

struct policy_row {
    enum row_kind kind;
    struct id id;
    bool removal; /* "op":"del"; d is not set then */
    bool inert;   /* names in "crit" a field that this version does not know, in a
                     kind that only permits: the row is kept and grants nothing */
    union {
        struct policy_site site;
        struct policy_door door;
        struct policy_reader reader;
        struct policy_door_group door_group;
        struct policy_person person;
        struct policy_credential credential;
        struct policy_schedule schedule;
        struct policy_entitlement entitlement;
        struct policy_holiday holiday;
    } d;
};

/* Which policy a decision was made under: a checkpoint's place and time. */
struct policy_version {
    int64_t epoch;
    int64_t rev;
    int64_t issued_at; /* INSTANT_NONE = no checkpoint yet */
};

#endif
