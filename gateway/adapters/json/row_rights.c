/* The fields of entitlement, access_rules and geofence. */
#include "row_tables.h"
#include "strict.h"

/* --- entitlement ----------------------------------------------------------- */

static enum gh_err parse_entitlement_kind(struct row_reader *r, const struct field *f,
                                          const json_t *v, void *at)
{
    if (entitlement_kind_parse(at, strict_text(v)))
        return row_refuse(r, f,
                          "must be \"role\", \"access_group\", \"grant\", \"reservation\", "
                          "\"temp_key\" or \"delivery\"");
    return GH_OK;
}

static enum gh_err parse_who_types(struct row_reader *r, const struct field *f, const json_t *v,
                                   void *at)
{
    struct policy_entitlement *e = at;
    return row_types_parse(r, f, v, &e->who.types, &e->who.n_types);
}

static const struct field who_fields[] = {
    {FIELD("everyone", field_switch), KEPT(policy_entitlement, who.everyone)},
    {FIELD("persons", field_ids), KEPT(policy_entitlement, who.persons)},
    {FIELD("credentials", field_ids), KEPT(policy_entitlement, who.credentials)},
    {FIELD("groups", field_ids), KEPT(policy_entitlement, who.groups)},
    {FIELD("tags", field_words), KEPT(policy_entitlement, who.tags)},
    {FIELD("types", parse_who_types), KEPT_WHOLE},
};

static const struct field entitlement_fields[] = {
    {FIELD("kind", parse_entitlement_kind), .required = true, KEPT(policy_entitlement, kind)},
    {FIELD("enabled", field_switch), .def = true, KEPT(policy_entitlement, enabled)},
    {FIELD("schedule", field_id), KEPT(policy_entitlement, schedule)},
    {FIELD("valid_from", field_instant), KEPT(policy_entitlement, validity.from)},
    {FIELD("valid_until", field_instant), KEPT(policy_entitlement, validity.until)},
    {FIELD("holiday", field_choice), CHOICES("ignore", "intersect", "replace"),
     KEPT(policy_entitlement, holiday)},
    {FIELD("calendar", field_calendar), KEPT(policy_entitlement, calendar)},
    {FIELD("who", field_object), FIELDS(who_fields), KEPT_WHOLE},
    {FIELD("where", field_where), KEPT(policy_entitlement, where)},
    {FIELD("floors", field_floors), KEPT(policy_entitlement, floors)},
};

const struct row_table row_table_entitlement = {
    .kind = ROW_ENTITLEMENT, FIELDS(entitlement_fields), .only_permits = true};

/* --- levels ---------------------------------------------------------------- */

#define LEVELS CHOICES("site", "door_group", "door")
#define PRIORITY_MAX 1000000

/* A row below the site's level is about something; one of the site's is not,
 * whatever it names. */
static enum gh_err settle_target(struct row_reader *r, enum rule_level level, struct id *target)
{
    static const struct field field = {.name = "target"};
    if (level == LEVEL_SITE)
        *target = (struct id){0};
    else if (id_is_none(target))
        return row_refuse(r, &field, "is missing: it must be the id of a %s",
                          level == LEVEL_DOOR ? "door" : "door group");
    return GH_OK;
}

/* --- access_rules ---------------------------------------------------------- */

static enum gh_err parse_rule_types(struct row_reader *r, const struct field *f, const json_t *v,
                                    void *at)
{
    struct policy_access_rules *rules = at;
    return row_types_parse(r, f, v, &rules->types, &rules->n_types);
}

static const struct field access_rules_fields[] = {
    {FIELD("level", field_choice), .required = true, LEVELS, KEPT(policy_access_rules, level)},
    {FIELD("target", field_id), KEPT(policy_access_rules, target)},
    {FIELD("priority", field_int), RANGE(0, PRIORITY_MAX, 100),
     KEPT(policy_access_rules, priority)},
    {FIELD("hours", field_id), KEPT(policy_access_rules, hours)},
    {FIELD("types", parse_rule_types), KEPT_WHOLE},
    {FIELD("tags", field_words), KEPT(policy_access_rules, tags)},
    {FIELD("block", field_switch), KEPT(policy_access_rules, block)},
};

static enum gh_err finish_access_rules(struct row_reader *r, const json_t *d,
                                       struct policy_row *row)
{
    (void)d;
    return settle_target(r, row->d.access_rules.level, &row->d.access_rules.target);
}

/* Inert, it still stands in the place of others and still blocks. */
const struct row_table row_table_access_rules = {.kind = ROW_ACCESS_RULES,
                                                 FIELDS(access_rules_fields),
                                                 .finish = finish_access_rules,
                                                 .only_permits = true};

/* --- geofence -------------------------------------------------------------- */

static const struct field geofence_fields[] = {
    {FIELD("level", field_choice), .required = true, LEVELS, KEPT(policy_geofence, level)},
    {FIELD("target", field_id), KEPT(policy_geofence, target)},
    {FIELD("priority", field_int), RANGE(0, PRIORITY_MAX, 100), KEPT(policy_geofence, priority)},
    {FIELD("enabled", field_switch), .def = true, KEPT(policy_geofence, enabled)},
    {FIELD("lat", field_real), RANGE(-90, 90, 0), KEPT(policy_geofence, lat)},
    {FIELD("lon", field_real), RANGE(-180, 180, 0), KEPT(policy_geofence, lon)},
    {FIELD("radius_m", field_real), RANGE(50, 5000, 200), KEPT(policy_geofence, radius_m)},
    {FIELD("buffer_m", field_real), RANGE(0, 5000, 25), KEPT(policy_geofence, buffer_m)},
    {FIELD("max_accuracy_m", field_real), RANGE(0, 5000, 100),
     KEPT(policy_geofence, max_accuracy_m)},
};

/* Half a centre is none: the decision reports it, and opens nothing by it. */
static enum gh_err finish_geofence(struct row_reader *r, const json_t *d, struct policy_row *row)
{
    struct policy_geofence *g = &row->d.geofence;
    g->has_centre =
        !field_is_absent(json_object_get(d, "lat")) && !field_is_absent(json_object_get(d, "lon"));
    if (!g->has_centre)
        g->lat = g->lon = 0;
    return settle_target(r, g->level, &g->target);
}

const struct row_table row_table_geofence = {
    .kind = ROW_GEOFENCE, FIELDS(geofence_fields), .finish = finish_geofence};
