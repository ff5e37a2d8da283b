/* Policy rows, as the decision sees them (decision contract, policy rows).
 *
 * A row is {"k":KIND,"id":ID,"d":{...}}. A row that restricts by something that this
 * version does not know says so in "crit" and is inert: it grants nothing. */
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
    ROW_ACCESS_RULES,
    ROW_GEOFENCE,
    ROW_DOOR_MODE,
    ROW_LOCKDOWN,
    ROW_AREA,
    ROW_INTERLOCK,
};
#define ROW_KINDS 16

/* "site", "door", ...; static storage. */
const char *row_kind_name(enum row_kind kind);
GH_MUST_CHECK enum gh_err row_kind_parse(enum row_kind *out, struct slice word);

struct id_list {
    const struct id *v; /* borrowed from the row's arena */
    size_t n;
};

/* A person's type, status or tag: free text without control characters. */
#define POLICY_WORD_MAX 128 /* bytes */
struct word_list {
    const char *const *v; /* zero-terminated; borrowed from the row's arena */
    size_t n;
};

/* Floors in one row, and in one grant. A floor is an id, or a whole number from
 * -999 to 9999, which is kept as "#" and the number and shown as a number. */
#define POLICY_FLOORS_MAX 64

/* Persons of a type, and of one of some statuses. */
struct type_rule {
    const char *type;          /* zero-terminated; borrowed from the row's arena */
    struct word_list statuses; /* none = any status, also none at all */
};

/* Which doors a row is about: an OR; all empty = nowhere. */
struct policy_where {
    bool all;
    struct id_list doors, door_groups;
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

/* Whose words a site's events are shown in. */
enum dialect {
    DIALECT_NATIVE,
    DIALECT_DOORFLOW_GUIDE,
    DIALECT_DOORFLOW_API,
    DIALECT_AKUVOX,
    DIALECT_PERFORMANCE_HUB,
    DIALECT_ONVIF,
};
#define DIALECTS 6

struct policy_site {
    char tz[TZ_NAME_MAX + 1]; /* IANA name */
    enum dialect dialect;     /* [native] */
    bool commit_taken;        /* antipassback_commit: [granted] | taken */
    bool admin_in_lockdown;   /* [false] */
    int read_max_age_s;       /* [5], 1..60 */
    int factor_timeout_s;     /* [10], 1..3600 */
    bool duress;              /* duress: [off] | last_digit_plus_one */
    struct pin_lockout pin_lockout;
    int max_policy_age_s[CREDENTIAL_CLASSES]; /* [none, 86400, 86400, none]; by class */
};

enum relock { RELOCK_ON_CLOSE, RELOCK_ON_OPEN, RELOCK_TIMER };
enum maintenance { MAINTENANCE_NORMAL, MAINTENANCE_FORCE_OPEN, MAINTENANCE_FORCE_CLOSED };
enum factors { FACTORS_SINGLE, FACTORS_CARD_AND_PIN, FACTORS_TWO_PERSON };
/* What a request to exit does: release the door and mask "forced"; only mask it; nothing. */
enum rex_kind { REX_RELEASE, REX_SHUNT, REX_OFF };

struct policy_door {
    char name[POLICY_NAME_MAX + 1];
    char tz[TZ_NAME_MAX + 1]; /* empty = the site's */
    int release_s;            /* [10], 1..30 */
    int extended_release_s;   /* [20], 1..120; for persons with extended_release */
    bool licensed;            /* [true] */
    int64_t license_until;    /* INSTANT_NONE = for ever */
    int held_open_s;          /* [30], 0..86400; 0 = never */
    int pre_alarm_s;          /* [0], 0..86400; this long before held_open_s is over */
    enum relock relock;       /* [on_close] */
    enum maintenance maintenance; /* [normal] */
    enum factors factors;     /* [single] */
    struct id factor_schedule; /* none = always */
    enum rex_kind rex;        /* [release] */
    bool rex_in_lockdown;     /* [false] */
    bool fire_release;        /* fire: [release] | ignore */
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

struct policy_group {
    bool antipassback_exempt; /* [false] */
    struct id_list floors;
};

/* A person's membership of a group, within its own dates. */
struct policy_membership {
    struct id group;
    struct validity validity;
};

struct policy_person {
    bool enabled;          /* [true]; false = kill switch */
    bool extended_release; /* needs more time at a door */
    bool lockdown_bypass, first_credential, antipassback_exempt; /* [false] */
    struct validity validity;
    char type[POLICY_WORD_MAX + 1];   /* empty = none */
    char status[POLICY_WORD_MAX + 1]; /* empty = none */
    struct word_list tags;
    struct id_list floors;
    const struct policy_membership *groups; /* borrowed from the row's arena */
    size_t n_groups;
};

#define USES_UNLIMITED (-1)
#define USES_MAX 1000000000

struct policy_credential {
    struct id person; /* none = unassigned */
    enum credential_type type;
    struct credential_value value; /* only in a row on its way in; never stored */
    int bits;                      /* 0 = not given */
    bool enabled;
    struct id disabled_reason; /* "lost", "stolen", ...; none if absent */
    enum credential_class credential_class;
    int uses_per_door; /* USES_UNLIMITED, or 0.. */
    int uses_total;    /* USES_UNLIMITED, or 0.. */
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
        struct word_list tags;
        const struct type_rule *types; /* borrowed from the row's arena */
        size_t n_types;
    } who; /* an OR; all empty = nobody */
    struct policy_where where;
    struct id_list floors;
};

/* Rules of a lower level replace those of a higher one wholesale. */
enum rule_level { LEVEL_SITE, LEVEL_DOOR_GROUP, LEVEL_DOOR };

struct policy_access_rules {
    enum rule_level level;
    struct id target; /* door group or door; none for LEVEL_SITE */
    int priority;     /* [100], 0..1000000; the lowest wins among equals */
    struct id hours;  /* a schedule; none = always */
    const struct type_rule *types; /* borrowed from the row's arena; with tags an OR */
    size_t n_types;
    struct word_list tags;
    bool block; /* [false] */
};

struct policy_geofence {
    enum rule_level level;
    struct id target; /* door group or door; none for LEVEL_SITE */
    int priority;     /* [100], 0..1000000; the lowest wins among equals */
    bool enabled;     /* [true] */
    bool has_centre;  /* lat and lon are set */
    double lat, lon;  /* degrees, -90..90 and -180..180 */
    double radius_m;       /* [200], 50..5000 */
    double buffer_m;       /* [25], 0..5000 */
    double max_accuracy_m; /* [100], 0..5000 */
};

enum mode_tier { TIER_QUICK, TIER_ONE_TIME, TIER_ROUTINE };

/* What a door_mode row asks for, from the most permissive to the most restrictive. */
enum mode_wish { WISH_UNLOCKED, WISH_FIRST_CREDENTIAL, WISH_LOCKED, WISH_LOCKED_DOWN };

struct policy_door_mode {
    struct policy_where where;
    enum mode_tier tier; /* required */
    enum mode_wish mode; /* required */
    struct id schedule;  /* none = always */
    struct validity validity;
    bool allow_manual_end; /* [false] */
    int64_t at;            /* INSTANT_NONE = oldest */
};

struct policy_lockdown {
    struct policy_where where;
};

enum antipassback { ANTIPASSBACK_OFF, ANTIPASSBACK_LOG, ANTIPASSBACK_DENY };
#define RESET_NEVER (-1)
#define OCCUPANCY_UNLIMITED (-1)

struct policy_area {
    struct id_list entry, exit;     /* readers */
    enum antipassback antipassback; /* [off] */
    int timeout_s;                  /* [0 = never], 0..31536000 */
    struct id schedule;             /* none = always */
    int reset_min;                  /* reset_daily, minutes after midnight; RESET_NEVER */
    int max_occupancy;              /* OCCUPANCY_UNLIMITED, or 0..1000000 */
    bool exit_without_entry_violates; /* exit_without_entry: [allow] | violation */
};

struct policy_interlock {
    struct id_list doors;
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
        struct policy_group group;
        struct policy_person person;
        struct policy_credential credential;
        struct policy_schedule schedule;
        struct policy_entitlement entitlement;
        struct policy_holiday holiday;
        struct policy_access_rules access_rules;
        struct policy_geofence geofence;
        struct policy_door_mode door_mode;
        struct policy_lockdown lockdown;
        struct policy_area area;
        struct policy_interlock interlock;
    } d;
};

/* Which policy a decision was made under: a checkpoint's place and time. */
struct policy_version {
    int64_t epoch;
    int64_t rev;
    int64_t issued_at; /* INSTANT_NONE = no checkpoint yet */
};

#endif
