/* The kinds and fields of the contract, and what this version makes of them.
 *
 * A kind or field that is not evaluated must not be lost in silence. So a kind
 * is refused, and a field is refused unless it says what its absence says.
 * Exceptions, each because leaving it out can neither open a door that the
 * contract keeps shut nor shut one that it opens:
 *
 *  - Words for people: name, and a site's dialect, which only words events.
 *  - A person's type, status and tags: only who.types, who.tags and
 *    access_rules ask for them, and those are refused.
 *  - What a door does with inputs: held_open_s, pre_alarm_s, relock, rex,
 *    rex_in_lockdown, fire. Without a contact there are no open states and every
 *    release ends by time, which is the latest end that the contract allows;
 *    without request-to-exit or fire inputs there is nothing to answer or ignore. */
#include "row_field.h"

#include <stddef.h>

#include "strict.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])
#define FIELD(word, type) .name = (word), .parse = (type)
#define KEPT(type, member) .kept = true, .offset = offsetof(struct type, member)
#define WORDS(...) .words = (const char *const[]){__VA_ARGS__, NULL}
#define ONLY(i) .evaluated = FIELD_VALUE(i)
#define RANGE(lowest, highest, usual) .min = (lowest), .max = (highest), .def = (usual)
#define FIELDS(table) .fields = (table), .n_fields = COUNT(table)
#define DAY_S 86400

/* --- site ------------------------------------------------------------------ */

static const struct field pin_lockout_fields[] = {
    {FIELD("failures", field_int), RANGE(1, PIN_FAILURES_MAX, 5),
     KEPT(policy_site, pin_lockout.failures)},
    {FIELD("window_s", field_int), RANGE(1, DAY_S, 60), KEPT(policy_site, pin_lockout.window_s)},
    {FIELD("lock_s", field_int), RANGE(1, DAY_S, 60), KEPT(policy_site, pin_lockout.lock_s)},
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
    {FIELD("dialect", field_word),
     WORDS("native", "doorflow-guide", "doorflow-api", "akuvox", "performance-hub", "onvif")},
    {FIELD("antipassback_commit", field_word), WORDS("granted", "taken"), ONLY(0)},
    {FIELD("admin_in_lockdown", field_switch), ONLY(false)},
    {FIELD("read_max_age_s", field_int), RANGE(1, 60, 5), KEPT(policy_site, read_max_age_s)},
    {FIELD("factor_timeout_s", field_int), RANGE(1, 3600, 10), .only_default = true},
    {FIELD("duress", field_word), WORDS("off", "last_digit_plus_one"), ONLY(0)},
    {FIELD("pin_lockout", field_object), FIELDS(pin_lockout_fields)},
    {FIELD("max_policy_age_s", field_object), FIELDS(max_policy_age_fields)},
};

/* --- door, reader, door_group ---------------------------------------------- */

static const struct field door_fields[] = {
    {FIELD("name", field_label), KEPT(policy_door, name)},
    {FIELD("tz", field_zone), KEPT(policy_door, tz)},
    {FIELD("release_s", field_int), RANGE(1, 30, 10), KEPT(policy_door, release_s)},
    {FIELD("extended_release_s", field_int), RANGE(1, 120, 20),
     KEPT(policy_door, extended_release_s)},
    {FIELD("held_open_s", field_int), RANGE(0, DAY_S, 30)},
    {FIELD("pre_alarm_s", field_int), RANGE(0, DAY_S, 0)},
    {FIELD("relock", field_word), WORDS("on_close", "on_open", "timer")},
    {FIELD("licensed", field_switch), .def = true, KEPT(policy_door, licensed)},
    {FIELD("license_until", field_instant), KEPT(policy_door, license_until)},
    {FIELD("maintenance", field_word), WORDS("normal", "force_open", "force_closed"), ONLY(0)},
    {FIELD("factors", field_word), WORDS("single", "card_and_pin", "two_person"), ONLY(0)},
    {FIELD("factor_schedule", field_unset)},
    {FIELD("rex", field_word), WORDS("release", "shunt", "off")},
    {FIELD("rex_in_lockdown", field_switch)},
    {FIELD("fire", field_word), WORDS("release", "ignore")},
};

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
        return row_refuse(r, f, "must be null or a list of credential types");
    for (size_t i = 0; i < json_array_size(v); i++) {
        enum credential_type type;
        if (credential_type_parse(&type, strict_text(json_array_get(v, i))))
            return row_refuse(r, f, "must list credential types: entry %zu is none", i + 1);
        set |= (credential_type_set)(1u << type);
    }
    *(credential_type_set *)at = set;
    return GH_OK;
}

static const struct field reader_fields[] = {
    {FIELD("door", field_id), .required = true, KEPT(policy_reader, door)},
    {FIELD("accepts", parse_accepts), KEPT(policy_reader, accepts)},
};

static const struct field door_group_fields[] = {
    {FIELD("name", field_text)},
    {FIELD("doors", field_ids), KEPT(policy_door_group, doors)},
};

/* --- group, person --------------------------------------------------------- */

static const struct field group_fields[] = {
    {FIELD("name", field_text)},
    {FIELD("antipassback_exempt", field_switch), ONLY(false)},
    {FIELD("floors", field_unset)},
};

static const struct field membership_fields[] = {
    {FIELD("id", field_id), .required = true, KEPT(policy_membership, group)},
    {FIELD("valid_from", field_instant), KEPT(policy_membership, validity.from)},
    {FIELD("valid_until", field_instant), KEPT(policy_membership, validity.until)},
};

static enum gh_err parse_membership(struct row_reader *r, const struct field *f, const json_t *v,
                                    struct policy_membership *out)
{
    if (json_is_object(v)) {
        r->within = f->name;
        enum gh_err err =
            row_fields_parse(r, membership_fields, COUNT(membership_fields), v, out);
        r->within = NULL;
        return err;
    }
    out->validity = (struct validity){INSTANT_NONE, INSTANT_NONE};
    if (id_set(&out->group, strict_text(v)))
        return row_refuse(r, f, "must list ids or objects {id, valid_from, valid_until}");
    return GH_OK;
}

static enum gh_err parse_groups(struct row_reader *r, const struct field *f, const json_t *v,
                                void *at)
{
    struct policy_person *person = at;
    size_t n = json_array_size(v);
    if (!field_is_absent(v) && !json_is_array(v))
        return row_refuse(r, f, "must list ids or objects {id, valid_from, valid_until}");
    if (n == 0)
        return GH_OK;
    struct policy_membership *groups = arena_take(r->arena, n, sizeof *groups);
    if (!groups)
        return GH_FULL;
    for (size_t i = 0; i < n; i++) {
        enum gh_err err = parse_membership(r, f, json_array_get(v, i), &groups[i]);
        if (err)
            return err;
    }
    person->groups = groups;
    person->n_groups = n;
    return GH_OK;
}

static const struct field person_fields[] = {
    {FIELD("name", field_text)},
    {FIELD("enabled", field_switch), .def = true, KEPT(policy_person, enabled)},
    {FIELD("valid_from", field_instant), KEPT(policy_person, validity.from)},
    {FIELD("valid_until", field_instant), KEPT(policy_person, validity.until)},
    {FIELD("type", field_text)},
    {FIELD("status", field_text)},
    {FIELD("tags", field_texts)},
    {FIELD("groups", parse_groups), .kept = true, .offset = 0},
    {FIELD("lockdown_bypass", field_switch), ONLY(false)},
    {FIELD("first_credential", field_switch), ONLY(false)},
    {FIELD("extended_release", field_switch), KEPT(policy_person, extended_release)},
    {FIELD("antipassback_exempt", field_switch), ONLY(false)},
    {FIELD("floors", field_unset)},
};

/* --- credential ------------------------------------------------------------ */

/* Free text, of which two words mean something (lost, stolen): what is no word
 * is not kept. */
static enum gh_err parse_disabled_reason(struct row_reader *r, const struct field *f,
                                         const json_t *v, void *at)
{
    struct id reason = {0};
    enum gh_err err = field_text(r, f, v, NULL);
    if (err)
        return err;
    if (id_set(&reason, strict_text(v)) == GH_OK)
        *(struct id *)at = reason;
    return GH_OK;
}

static enum gh_err parse_type(struct row_reader *r, const struct field *f, const json_t *v,
                              void *at)
{
    if (credential_type_parse(at, strict_text(v)))
        return row_refuse(r, f, "is no credential type");
    return GH_OK;
}

static const struct field credential_fields[] = {
    {FIELD("person", field_id), KEPT(policy_credential, person)},
    {FIELD("type", parse_type), .required = true, KEPT(policy_credential, type)},
    {FIELD("value", field_text), .required = true}, /* its form depends on the type */
    {FIELD("bits", field_int), RANGE(1, 256, 0), KEPT(policy_credential, bits)},
    {FIELD("enabled", field_switch), .def = true, KEPT(policy_credential, enabled)},
    {FIELD("disabled_reason", parse_disabled_reason), KEPT(policy_credential, disabled_reason)},
    {FIELD("valid_from", field_instant), KEPT(policy_credential, validity.from)},
    {FIELD("valid_until", field_instant), KEPT(policy_credential, validity.until)},
    {FIELD("uses_per_door", field_unset)},
    {FIELD("uses_total", field_unset)},
    {FIELD("class", field_word), WORDS("personal", "visitor", "delivery", "admin"),
     KEPT(policy_credential, credential_class)},
};

static enum gh_err finish_credential(struct row_reader *r, const json_t *d,
                                     struct policy_row *row)
{
    static const struct field value = {.name = "value"};
    struct policy_credential *c = &row->d.credential;
    if (credential_value_set(&c->value, c->type, strict_text(json_object_get(d, "value"))))
        return row_refuse(r, &value, "is not the value of a %s", credential_type_name(c->type));
    return GH_OK;
}

/* --- schedule -------------------------------------------------------------- */

/* "HH:MM", 00:00 to 24:00, as minutes after midnight. */
static bool parse_minute(const json_t *v, int *out)
{
    struct slice t = strict_text(v);
    if (t.len != 5 || t.ptr[2] != ':')
        return false;
    for (size_t i = 0; i < 5; i++)
        if (i != 2 && (t.ptr[i] < '0' || t.ptr[i] > '9'))
            return false;
    int hour = (t.ptr[0] - '0') * 10 + t.ptr[1] - '0';
    int minute = (t.ptr[3] - '0') * 10 + t.ptr[4] - '0';
    *out = hour * 60 + minute;
    return minute <= 59 && *out <= 24 * 60;
}

static bool parse_days(const json_t *v, uint8_t *out)
{
    static const char *const names[7] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    *out = 0;
    for (size_t i = 0; i < json_array_size(v); i++) {
        struct slice name = strict_text(json_array_get(v, i));
        int day = 0;
        while (day < 7 && !slice_is(name, names[day]))
            day++;
        if (day == 7)
            return false;
        *out |= (uint8_t)(1u << day);
    }
    return *out != 0;
}

static enum gh_err parse_window(struct row_reader *r, const struct field *f, size_t number,
                                const json_t *v, struct schedule_window *out)
{
    int start, end;
    if (!parse_days(json_object_get(v, "days"), &out->days))
        return row_refuse(r, f, "window %zu: days must list some of mon to sun", number);
    if (!parse_minute(json_object_get(v, "start"), &start) || start == 24 * 60)
        return row_refuse(r, f, "window %zu: start must be HH:MM, 00:00 to 23:59", number);
    if (!parse_minute(json_object_get(v, "end"), &end))
        return row_refuse(r, f, "window %zu: end must be HH:MM, 00:00 to 24:00", number);
    if (start == end)
        return row_refuse(r, f, "window %zu: start and end are equal", number);
    out->start_min = (uint16_t)start;
    /* Over midnight and over at once: the same as to the end of the day. */
    out->end_min = (uint16_t)(end == 0 ? 24 * 60 : end);
    return GH_OK;
}

static enum gh_err parse_windows(struct row_reader *r, const struct field *f, const json_t *v,
                                 void *at)
{
    struct policy_schedule *schedule = at;
    size_t n = json_array_size(v);
    if (!field_is_absent(v) && !json_is_array(v))
        return row_refuse(r, f, "must be a list of windows {days, start, end}");
    if (n > POLICY_WINDOWS_MAX)
        return row_refuse(r, f, "has %zu windows: at most %d are allowed", n, POLICY_WINDOWS_MAX);
    if (n == 0)
        return GH_OK;
    struct schedule_window *windows = arena_take(r->arena, n, sizeof *windows);
    if (!windows)
        return GH_FULL;
    for (size_t i = 0; i < n; i++) {
        enum gh_err err = parse_window(r, f, i + 1, json_array_get(v, i), &windows[i]);
        if (err)
            return err;
    }
    schedule->windows = windows;
    schedule->n_windows = n;
    return GH_OK;
}

static const struct field schedule_fields[] = {
    {FIELD("windows", parse_windows), .kept = true, .offset = 0},
};

/* --- entitlement ----------------------------------------------------------- */

static enum gh_err parse_entitlement_kind(struct row_reader *r, const struct field *f,
                                          const json_t *v, void *at)
{
    if (entitlement_kind_parse(at, strict_text(v)))
        return row_refuse(r, f, "is no kind of entitlement");
    return GH_OK;
}

static const struct field who_fields[] = {
    {FIELD("everyone", field_switch), KEPT(policy_entitlement, who.everyone)},
    {FIELD("persons", field_ids), KEPT(policy_entitlement, who.persons)},
    {FIELD("credentials", field_ids), KEPT(policy_entitlement, who.credentials)},
    {FIELD("groups", field_ids), KEPT(policy_entitlement, who.groups)},
    {FIELD("tags", field_unset)},
    {FIELD("types", field_unset)},
};

static const struct field where_fields[] = {
    {FIELD("all", field_switch), KEPT(policy_entitlement, where.all)},
    {FIELD("doors", field_ids), KEPT(policy_entitlement, where.doors)},
    {FIELD("door_groups", field_ids), KEPT(policy_entitlement, where.door_groups)},
};

static const struct field entitlement_fields[] = {
    {FIELD("kind", parse_entitlement_kind), .required = true, KEPT(policy_entitlement, kind)},
    {FIELD("enabled", field_switch), .def = true, KEPT(policy_entitlement, enabled)},
    {FIELD("schedule", field_id), KEPT(policy_entitlement, schedule)},
    {FIELD("valid_from", field_instant), KEPT(policy_entitlement, validity.from)},
    {FIELD("valid_until", field_instant), KEPT(policy_entitlement, validity.until)},
    {FIELD("holiday", field_word), WORDS("ignore", "intersect", "replace"),
     KEPT(policy_entitlement, holiday)},
    {FIELD("calendar", field_calendar), KEPT(policy_entitlement, calendar)},
    {FIELD("who", field_object), FIELDS(who_fields)},
    {FIELD("where", field_object), FIELDS(where_fields)},
    {FIELD("floors", field_unset)},
};

/* --- holiday ----------------------------------------------------------------- */

static enum gh_err parse_span(struct row_reader *r, const struct field *f, size_t number,
                              const json_t *v, struct day_span *out)
{
    int start, end;
    if (!parse_minute(json_object_get(v, "start"), &start) ||
        !parse_minute(json_object_get(v, "end"), &end) || start >= end)
        return row_refuse(r, f, "span %zu: start and end must be HH:MM, end after start, not over "
                          "midnight", number);
    out->start_min = (uint16_t)start;
    out->end_min = (uint16_t)end;
    return GH_OK;
}

static enum gh_err parse_working(struct row_reader *r, const struct field *f, const json_t *v,
                                 void *at)
{
    struct policy_holiday *holiday = at;
    size_t n = json_array_size(v);
    if (!field_is_absent(v) && !json_is_array(v))
        return row_refuse(r, f, "must be a list of spans {start, end}");
    if (n > POLICY_WORKING_MAX)
        return row_refuse(r, f, "has %zu spans: at most %d are allowed", n, POLICY_WORKING_MAX);
    if (n == 0)
        return GH_OK;
    struct day_span *working = arena_take(r->arena, n, sizeof *working);
    if (!working)
        return GH_FULL;
    for (size_t i = 0; i < n; i++) {
        enum gh_err err = parse_span(r, f, i + 1, json_array_get(v, i), &working[i]);
        if (err)
            return err;
    }
    holiday->working = working;
    holiday->n_working = n;
    return GH_OK;
}

static const struct field holiday_fields[] = {
    {FIELD("name", field_text)},
    {FIELD("calendar", field_calendar), KEPT(policy_holiday, calendar)},
    {FIELD("from", field_date), .required = true, KEPT(policy_holiday, from)},
    {FIELD("to", field_date), KEPT(policy_holiday, to)},
    {FIELD("yearly", field_switch), KEPT(policy_holiday, yearly)},
    {FIELD("working", parse_working), .kept = true, .offset = 0},
};

static enum gh_err finish_holiday(struct row_reader *r, const json_t *d, struct policy_row *row)
{
    static const struct field to = {.name = "to"};
    struct policy_holiday *h = &row->d.holiday;
    if (field_is_absent(json_object_get(d, "to")))
        h->to = h->from;
    struct date next_year = {h->from.year + 1, h->from.month, h->from.day};
    int64_t from = date_to_day(h->from), until = date_to_day(h->to);
    if (until < from)
        return row_refuse(r, &to, "must not be before \"from\"");
    if (h->yearly && until >= date_to_day(next_year))
        return row_refuse(r, &to, "must be less than a year after \"from\", as it is yearly");
    return GH_OK;
}

/* --- kinds ----------------------------------------------------------------- */

#define EVALUATED(word, row, table)                                                                \
    .kind = (word), .evaluated = true, .row_kind = (row), .fields = (table),                       \
    .n_fields = COUNT(table)

static const struct row_table tables[] = {
    {EVALUATED("site", ROW_SITE, site_fields)},
    {EVALUATED("door", ROW_DOOR, door_fields)},
    {EVALUATED("reader", ROW_READER, reader_fields)},
    {EVALUATED("door_group", ROW_DOOR_GROUP, door_group_fields)},
    {EVALUATED("group", ROW_GROUP, group_fields), .only_permits = true},
    {EVALUATED("person", ROW_PERSON, person_fields), .only_permits = true},
    {EVALUATED("credential", ROW_CREDENTIAL, credential_fields), .only_permits = true,
     .finish = finish_credential},
    {EVALUATED("schedule", ROW_SCHEDULE, schedule_fields)},
    {EVALUATED("entitlement", ROW_ENTITLEMENT, entitlement_fields), .only_permits = true},
    {EVALUATED("holiday", ROW_HOLIDAY, holiday_fields), .finish = finish_holiday},
    {.kind = "access_rules"},
    {.kind = "geofence"},
    {.kind = "door_mode"},
    {.kind = "lockdown"},
    {.kind = "area"},
    {.kind = "interlock"},
};

const struct row_table *row_table_find(struct slice kind)
{
    for (size_t i = 0; i < COUNT(tables); i++)
        if (slice_is(kind, tables[i].kind))
            return &tables[i];
    return NULL;
}
