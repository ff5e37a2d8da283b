/* Any bytes as the payload of a read. */
#include <assert.h>
#include <string.h>

#include "adapters/json/read_json.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_value(const struct credential_value *v, enum credential_type type)
{
    struct credential_value again;
    assert(v->len >= 1 && v->len <= CREDENTIAL_VALUE_MAX);
    assert(credential_value_set(&again, type, slice_make(v->text, v->len)) == GH_OK);
    assert(again.len == v->len && memcmp(again.text, v->text, v->len) == 0);
}

static void check_good(const struct read *r)
{
    assert(id_is_valid(slice_of(r->read_id.s)));
    assert((unsigned)r->type < CREDENTIAL_TYPES);
    check_value(&r->value, r->type);
    assert(r->bits >= 0 && r->bits <= 256);
    if (r->has_pin)
        check_value(&r->pin, CREDENTIAL_PIN);
    if (r->tick.present)
        assert(id_is_valid(slice_of(r->tick.session.s)));
    assert(r->age_ms >= -1 && r->age_ms <= INT64_C(31536000000));
    if (r->location.present) {
        assert(r->location.lat >= -90 && r->location.lat <= 90);
        assert(r->location.lon >= -180 && r->location.lon <= 180);
        assert(r->location.accuracy_m >= 0);
    }
}

/* A bad read tells who asked and nothing else. */
static void check_bad(const struct read *r)
{
    static const struct credential_value none;
    assert(id_is_none(&r->read_id) || id_is_valid(slice_of(r->read_id.s)));
    assert(r->type == 0 && memcmp(&r->value, &none, sizeof none) == 0);
    assert(memcmp(&r->pin, &none, sizeof none) == 0);
    assert(r->bits == 0 && !r->has_pin && !r->tick.present && r->age_ms == 0 &&
           !r->location.present);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static const struct id reader = {"front"};
    struct read r;
    memset(&r, 0xa5, sizeof r);
    enum gh_err err = read_json_parse(&r, &reader, slice_make(data, size));
    assert(strcmp(r.reader.s, "front") == 0);
    if (err == GH_OK) {
        assert(size <= READ_PAYLOAD_MAX);
        check_good(&r);
    } else {
        assert(err == GH_INVALID);
        check_bad(&r);
    }
    return 0;
}
