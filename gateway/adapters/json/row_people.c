/* The fields of group, person and credential. */
#include "row_tables.h"
#include "strict.h"

/* --- group ----------------------------------------------------------------- */

static const struct field group_fields[] = {
    {FIELD("name", field_text)},
    {FIELD("antipassback_exempt", field_switch), KEPT(policy_group, antipassback_exempt)},
    {FIELD("floors", field_floors), KEPT(policy_group, floors)},
};

const struct row_table row_table_group = {
    .kind = ROW_GROUP, FIELDS(group_fields), .only_permits = true};

/* --- person ---------------------------------------------------------------- */

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
        enum gh_err err = row_fields_parse(r, membership_fields, COUNT(membership_fields), v, out);
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
    {FIELD("type", field_word), KEPT(policy_person, type)},
    {FIELD("status", field_word), KEPT(policy_person, status)},
    {FIELD("tags", field_words), KEPT(policy_person, tags)},
    {FIELD("groups", parse_groups), KEPT_WHOLE},
    {FIELD("lockdown_bypass", field_switch), KEPT(policy_person, lockdown_bypass)},
    {FIELD("first_credential", field_switch), KEPT(policy_person, first_credential)},
    {FIELD("extended_release", field_switch), KEPT(policy_person, extended_release)},
    {FIELD("antipassback_exempt", field_switch), KEPT(policy_person, antipassback_exempt)},
    {FIELD("floors", field_floors), KEPT(policy_person, floors)},
};

const struct row_table row_table_person = {
    .kind = ROW_PERSON, FIELDS(person_fields), .only_permits = true};

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
        return row_refuse(r, f, "must be one of " CREDENTIAL_TYPE_WORDS);
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
    {FIELD("uses_per_door", field_limit), RANGE(0, USES_MAX, USES_UNLIMITED),
     KEPT(policy_credential, uses_per_door)},
    {FIELD("uses_total", field_limit), RANGE(0, USES_MAX, USES_UNLIMITED),
     KEPT(policy_credential, uses_total)},
    {FIELD("class", field_choice), CHOICES("personal", "visitor", "delivery", "admin"),
     KEPT(policy_credential, credential_class)},
};

/* What a value of a type must be; for error lines, which never show a value. */
static const char *value_rule(enum credential_type type)
{
    if (type == CREDENTIAL_CARD || type == CREDENTIAL_UHF)
        return "1 to 16 hex digits, apart from leading zeros and \": - space\"";
    if (type == CREDENTIAL_PIN)
        return "2 to 8 digits";
    return "a text of 1 to 256 bytes";
}

static enum gh_err finish_credential(struct row_reader *r, const json_t *d, struct policy_row *row)
{
    static const struct field value = {.name = "value"};
    struct policy_credential *c = &row->d.credential;
    if (credential_value_set(&c->value, c->type, strict_text(json_object_get(d, "value"))))
        return row_refuse(r, &value, "must be %s, as type is %s", value_rule(c->type),
                          credential_type_name(c->type));
    return GH_OK;
}

const struct row_table row_table_credential = {.kind = ROW_CREDENTIAL,
                                               FIELDS(credential_fields),
                                               .finish = finish_credential,
                                               .only_permits = true};
