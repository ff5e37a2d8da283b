/* The fields of site, door, reader, door_group and interlock. */
#include "row_tables.h"
#include "strict.h"

/* --- site ------------------------------------------------------------------ */

static const struct field pin_lockout_fields[] = {
    {FIELD("failures", field_int), RANGE(1, PIN_FAILURES_MAX, 5), KEPT(pin_lockout, failures)},
    {FIELD("window_s", field_int), RANGE(1, DAY_S, 60), KEPT(pin_lockout, window_s)},
    {FIELD("lock_s", field_int), RANGE(1, DAY_S, 60), KEPT(pin_lockout, lock_s)},
};

#define AGE_LIMIT_MAX_S (3650L * DAY_S)
#define AGE_LIMIT(word, class, usual)                                                              \
    {FIELD(word, field_limit), RANGE(0, AGE_LIMIT_MAX_S, usual),                                   \
     KEPT(policy_site, max_policy_age_s[class])}

static const struct field max_policy_age_fields[] = {
    AGE_LIMIT("personal", CLASS_PERSONAL, POLICY_AGE_UNLIMITED),
    AGE_LIMIT("visitor", CLASS_VISITOR, DAY_S),
    AGE_LIMIT("delivery", CLASS_DELIVERY, DAY_S),
    AGE_LIMIT("admin", CLASS_ADMIN, POLICY_AGE_UNLIMITED),
};

static const struct field site_fields[] = {
    {FIELD("tz", field_zone), .required = true, KEPT(policy_site, tz)},
    {FIELD("name", field_text)},
    {FIELD("dialect", field_choice),
     CHOICES("native", "doorflow-guide", "doorflow-api", "akuvox", "performance-hub", "onvif"),
     KEPT(policy_site, dialect)},
    {FIELD("antipassback_commit", field_either), CHOICES("granted", "taken"),
     KEPT(policy_site, commit_taken)},
    {FIELD("admin_in_lockdown", field_switch), KEPT(policy_site, admin_in_lockdown)},
    {FIELD("read_max_age_s", field_int), RANGE(1, 60, 5), KEPT(policy_site, read_max_age_s)},
    {FIELD("factor_timeout_s", field_int), RANGE(1, 3600, 10), KEPT(policy_site, factor_timeout_s)},
    {FIELD("duress", field_either), CHOICES("off", "last_digit_plus_one"),
     KEPT(policy_site, duress)},
    {FIELD("pin_lockout", field_object), FIELDS(pin_lockout_fields),
     KEPT(policy_site, pin_lockout)},
    {FIELD("max_policy_age_s", field_object), FIELDS(max_policy_age_fields), KEPT_WHOLE},
};

const struct row_table row_table_site = {.kind = ROW_SITE, FIELDS(site_fields)};

/* --- door ------------------------------------------------------------------ */

static const struct field door_fields[] = {
    {FIELD("name", field_label), KEPT(policy_door, name)},
    {FIELD("tz", field_zone), KEPT(policy_door, tz)},
    {FIELD("release_s", field_int), RANGE(1, 30, 10), KEPT(policy_door, release_s)},
    {FIELD("extended_release_s", field_int), RANGE(1, 120, 20),
     KEPT(policy_door, extended_release_s)},
    {FIELD("held_open_s", field_int), RANGE(0, DAY_S, 30), KEPT(policy_door, held_open_s)},
    {FIELD("pre_alarm_s", field_int), RANGE(0, DAY_S, 0), KEPT(policy_door, pre_alarm_s)},
    {FIELD("relock", field_choice), CHOICES("on_close", "on_open", "timer"),
     KEPT(policy_door, relock)},
    {FIELD("licensed", field_switch), .def = true, KEPT(policy_door, licensed)},
    {FIELD("license_until", field_instant), KEPT(policy_door, license_until)},
    {FIELD("maintenance", field_choice), CHOICES("normal", "force_open", "force_closed"),
     KEPT(policy_door, maintenance)},
    {FIELD("factors", field_choice), CHOICES("single", "card_and_pin", "two_person"),
     KEPT(policy_door, factors)},
    {FIELD("factor_schedule", field_id), KEPT(policy_door, factor_schedule)},
    {FIELD("rex", field_choice), CHOICES("release", "shunt", "off"), KEPT(policy_door, rex)},
    {FIELD("rex_in_lockdown", field_switch), KEPT(policy_door, rex_in_lockdown)},
    {FIELD("fire", field_either), CHOICES("ignore", "release"), .def = true,
     KEPT(policy_door, fire_release)},
};

const struct row_table row_table_door = {.kind = ROW_DOOR, FIELDS(door_fields)};

/* --- reader ---------------------------------------------------------------- */

/* null = every type; an empty list = none. */
static enum gh_err parse_accepts(struct row_reader *r, const struct field *f, const json_t *v,
                                 void *at)
{
    credential_type_set set = 0;
    if (field_is_absent(v)) {
        *(credential_type_set *)at = CREDENTIAL_TYPES_ALL;
        return GH_OK;
    }
    if (!json_is_array(v))
        return row_refuse(r, f, "must be null or a list of " CREDENTIAL_TYPE_WORDS);
    for (size_t i = 0; i < json_array_size(v); i++) {
        enum credential_type type;
        if (credential_type_parse(&type, strict_text(json_array_get(v, i))))
            return row_refuse(
                r, f, "must be null or a list of " CREDENTIAL_TYPE_WORDS ": entry %zu is none",
                i + 1);
        set |= (credential_type_set)(1u << type);
    }
    *(credential_type_set *)at = set;
    return GH_OK;
}

static const struct field reader_fields[] = {
    {FIELD("door", field_id), .required = true, KEPT(policy_reader, door)},
    {FIELD("accepts", parse_accepts), KEPT(policy_reader, accepts)},
};

const struct row_table row_table_reader = {.kind = ROW_READER, FIELDS(reader_fields)};

/* --- door_group, interlock ------------------------------------------------- */

static const struct field door_group_fields[] = {
    {FIELD("name", field_text)},
    {FIELD("doors", field_ids), KEPT(policy_door_group, doors)},
};

const struct row_table row_table_door_group = {.kind = ROW_DOOR_GROUP, FIELDS(door_group_fields)};

static const struct field interlock_fields[] = {
    {FIELD("doors", field_ids), KEPT(policy_interlock, doors)},
};

const struct row_table row_table_interlock = {.kind = ROW_INTERLOCK, FIELDS(interlock_fields)};
