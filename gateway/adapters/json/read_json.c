#include "read_json.h"

#include "strict.h"

#define AGE_MAX_MS (INT64_C(365) * 86400000)
#define BITS_MAX 256

/* A member that is null counts as absent. */
static const json_t *member(const json_t *v, const char *name)
{
    const json_t *m = json_object_get(v, name);
    return json_is_null(m) ? NULL : m;
}

/* Sets *out if the member is there; false when it is there and no integer in
 * min..max. */
static bool get_int(const json_t *v, const char *name, int64_t min, int64_t max, int64_t *out)
{
    const json_t *m = member(v, name);
    if (!m)
        return true;
    if (!json_is_integer(m) || json_integer_value(m) < min || json_integer_value(m) > max)
        return false;
    *out = json_integer_value(m);
    return true;
}

/* Absent is false here: a place is given whole or not at all. The comparison
 * is written so that it fails for a NaN as well. */
static bool get_number(const json_t *v, const char *name, double min, double max, double *out)
{
    const json_t *m = member(v, name);
    double n = json_number_value(m);
    if (!json_is_number(m) || !(n >= min && n <= max))
        return false;
    *out = n;
    return true;
}

static bool get_value(struct read *read, const json_t *root)
{
    if (credential_type_parse(&read->type, strict_text(member(root, "type"))))
        return false;
    const json_t *value = member(root, "value");
    if (!json_is_string(value) ||
        credential_value_set(&read->value, read->type, strict_text(value)))
        return false;
    int64_t bits = 0;
    if (!get_int(root, "bits", 1, BITS_MAX, &bits))
        return false;
    read->bits = (int)bits;
    const json_t *pin = member(root, "pin");
    read->has_pin = pin != NULL;
    return !pin || (json_is_string(pin) &&
                    !credential_value_set(&read->pin, CREDENTIAL_PIN, strict_text(pin)));
}

/* The text behind the last colon: a session is an identifier, and may hold
 * colons of its own. */
static bool parse_tick(struct read_tick *out, struct slice text)
{
    const char *colon = text.len > 0 ? memrchr(text.ptr, ':', text.len) : NULL;
    if (!colon)
        return false;
    size_t at = (size_t)(colon - text.ptr);
    if (id_set(&out->session, slice_make(text.ptr, at)) || at + 1 == text.len)
        return false;
    uint64_t n = 0;
    for (size_t i = at + 1; i < text.len; i++) {
        char c = text.ptr[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(c - '0'), &n))
            return false;
    }
    out->n = n;
    out->present = true;
    return true;
}

static bool get_freshness(struct read *read, const json_t *root)
{
    read->age_ms = -1;
    if (!get_int(root, "age_ms", 0, AGE_MAX_MS, &read->age_ms))
        return false;
    const json_t *tick = member(root, "tick");
    return !tick || (json_is_string(tick) && parse_tick(&read->tick, strict_text(tick)));
}

static bool get_location(struct read_location *out, const json_t *root)
{
    const json_t *place = member(root, "location");
    if (!place)
        return true;
    out->present = true;
    return json_is_object(place) && get_number(place, "lat", -90, 90, &out->lat) &&
           get_number(place, "lon", -180, 180, &out->lon) &&
           get_number(place, "accuracy_m", 0, __DBL_MAX__, &out->accuracy_m);
}

enum gh_err read_json_parse(struct read *out, const struct id *reader, struct slice payload)
{
    struct read read = {.reader = *reader};
    struct read bare = read; /* what the caller gets of a malformed one */
    STRICT_OWNED json_t *root =
        payload.len <= READ_PAYLOAD_MAX ? strict_load(payload, NULL, 0) : NULL;
    if (root && id_set(&read.read_id, strict_text(member(root, "id"))) == GH_OK) {
        bare.read_id = read.read_id;
        if (get_value(&read, root) && get_freshness(&read, root) &&
            get_location(&read.location, root)) {
            *out = read;
            return GH_OK;
        }
    }
    *out = bare;
    return GH_INVALID;
}
