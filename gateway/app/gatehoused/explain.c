#include "app/gatehoused/explain.h"

/* The checks of the decision contract, by number. */
static const char *const checks[] = {
    "the read: its form, reader, age and type",
    "the credential is known and has a person",
    "the person is enabled",
    "the credential is enabled",
    "the dates of person and credential",
    "the door is licensed",
    "the door is not blocked, forced closed or locked down",
    "the door is not open already",
    "a path: access rules or an entitlement",
    "the age of the policy",
    "card and PIN",
    "the geofence",
    "areas: occupancy and anti-passback",
    "use counts",
    "interlock and relay board",
    "a second person",
};
#define CHECKS (sizeof checks / sizeof checks[0])

static bool set_id_or_null(struct json *out, const char *name, const struct id *id)
{
    return json_set_text_or_null(out, name, id_is_none(id) ? NULL : id->s);
}

static const char *result_of(enum reason reason)
{
    return reason == REASON_GRANTED ? "ok" : reason_name(reason);
}

static bool set_via(struct json *out, const char *name, const struct via *via)
{
    if (!via->present)
        return json_set_null(out, name);
    struct json *v = json_new();
    bool ok = v && json_set_text(v, "kind", slice_of(via_kind_name(via))) &&
              json_set_text(v, "id", slice_of(via->id.s));
    return json_set(out, name, v) && ok;
}

static bool add_checks(struct json *out, const struct access_trace *trace)
{
    bool ok = json_set_empty_array(out, "checks");
    for (size_t i = 0; ok && i < CHECKS && (int)i < trace->n_checks; i++) {
        struct json *check = json_new();
        ok = check && json_set_text(check, "check", slice_of(checks[i])) &&
             json_set_text(check, "result", slice_of(result_of(trace->check[i])));
        ok = json_append(out, "checks", check) && ok;
    }
    return ok;
}

static bool add_paths(struct json *out, const struct access_trace *trace)
{
    bool ok = json_set_empty_array(out, "paths");
    for (size_t i = 0; ok && i < trace->n_paths; i++) {
        const struct via *via = &trace->path[i].via;
        struct json *path = json_new();
        ok = path && json_set_text(path, "kind", slice_of(via_kind_name(via))) &&
             json_set_text(path, "id", slice_of(via->id.s)) &&
             json_set_text(path, "result", slice_of(result_of(trace->path[i].reason)));
        ok = json_append(out, "paths", path) && ok;
    }
    return ok;
}

static bool add_policy(struct json *out, const struct policy_version *version)
{
    struct json *policy = json_new();
    bool ok = policy && json_set_int(policy, "epoch", version->epoch) &&
              json_set_int(policy, "rev", version->rev);
    return json_set(out, "policy", policy) && ok;
}

struct json *explain_json(const struct controller_explained *e)
{
    const struct verdict *v = &e->verdict;
    struct json *out = json_new();
    bool ok = out && json_set_text(out, "decision", slice_of(decision_name(v->decision))) &&
              json_set_text(out, "reason", slice_of(reason_name(v->reason))) &&
              set_id_or_null(out, "door", &e->door) &&
              json_set_text_or_null(out, "mode", v->has_mode ? door_mode_name(v->mode) : NULL) &&
              set_id_or_null(out, "person", &e->person) &&
              set_id_or_null(out, "credential", &e->credential) && set_via(out, "via", &v->via) &&
              json_set_text_or_null(out, "violation", violation_name(v->violation)) &&
              json_set_bool(out, "duress", v->duress) &&
              json_set_int(out, "release_s", v->release_s) && add_policy(out, &e->version) &&
              add_checks(out, &e->trace) && add_paths(out, &e->trace);
    if (ok)
        return out;
    json_free(out);
    return NULL;
}
