#include "core/read.h"

#include "core/word.h"

static const char *const type_words[CREDENTIAL_TYPES] = {
    "card", "uhf", "pin", "plate", "qr", "face", "fingerprint", "mobile",
};

const char *credential_type_name(enum credential_type type)
{
    return type_words[type];
}

enum gh_err credential_type_parse(enum credential_type *out, struct slice word)
{
    int i;
    enum gh_err err = word_find(&i, type_words, CREDENTIAL_TYPES, word);
    if (err)
        return err;
    *out = (enum credential_type)i;
    return GH_OK;
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (upper(c) >= 'A' && upper(c) <= 'F');
}

/* 0AB:12 and ab12 are one card: readers and lists print the number as they like. */
static enum gh_err set_hex(struct credential_value *v, struct slice value)
{
    size_t digits = 0;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == ':' || c == '-' || c == ' ')
            continue;
        if (!is_hex(c))
            return GH_INVALID;
        if (digits == 1 && v->text[0] == '0')
            digits = 0;
        if (digits == 16)
            return GH_INVALID;
        v->text[digits++] = upper(c);
    }
    v->len = (uint16_t)digits;
    return digits > 0 ? GH_OK : GH_INVALID;
}

static enum gh_err set_pin(struct credential_value *v, struct slice value)
{
    if (value.len < 2 || value.len > 8)
        return GH_INVALID;
    for (size_t i = 0; i < value.len; i++) {
        if (!is_digit(value.ptr[i]))
            return GH_INVALID;
        v->text[i] = value.ptr[i];
    }
    v->len = (uint16_t)value.len;
    return GH_OK;
}

static enum gh_err set_plate(struct credential_value *v, struct slice value)
{
    size_t n = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == ' ' || value.ptr[i] == '-')
            continue;
        if (n == CREDENTIAL_VALUE_MAX)
            return GH_INVALID;
        v->text[n++] = upper(value.ptr[i]);
    }
    v->len = (uint16_t)n;
    return n > 0 ? GH_OK : GH_INVALID;
}

static enum gh_err set_verbatim(struct credential_value *v, struct slice value)
{
    if (value.len < 1 || value.len > CREDENTIAL_VALUE_MAX)
        return GH_INVALID;
    memcpy(v->text, value.ptr, value.len);
    v->len = (uint16_t)value.len;
    return GH_OK;
}

enum gh_err credential_value_set(struct credential_value *out, enum credential_type type,
                                 struct slice value)
{
    struct credential_value v = {0};
    enum gh_err err = GH_INVALID;
    switch (type) {
    case CREDENTIAL_CARD:
    case CREDENTIAL_UHF: err = set_hex(&v, value); break;
    case CREDENTIAL_PIN: err = set_pin(&v, value); break;
    case CREDENTIAL_PLATE: err = set_plate(&v, value); break;
    case CREDENTIAL_QR:
    case CREDENTIAL_FACE:
    case CREDENTIAL_FINGERPRINT:
    case CREDENTIAL_MOBILE: err = set_verbatim(&v, value); break;
    }
    if (err)
        return err;
    *out = v;
    return GH_OK;
}

static bool tick_age_ms(const struct read *read, const struct freshness *how, int64_t *age)
{
    if (!read->tick.present || !id_equal(&read->tick.session, how->session))
        return false;
    if (read->tick.n > how->tick_now)
        return false; /* a tick that was never sent */
    uint64_t behind = how->tick_now - read->tick.n;
    *age = behind > 86400 ? 86400000 : (int64_t)behind * 1000;
    return true;
}

bool read_is_stale(const struct read *read, const struct freshness *how)
{
    if (how->retained)
        return true;
    int64_t by_tick = 0;
    bool has_tick = tick_age_ms(read, how, &by_tick);
    if (read->tick.present && !has_tick)
        return true; /* of another session, or of the future */
    if (how->mode == FRESHNESS_TICK && !has_tick)
        return true;
    if (how->mode == FRESHNESS_AGE && !has_tick && read->age_ms < 0)
        return true;
    /* The reader's own clock stopped counting when it sent the read. */
    int64_t by_age = (read->age_ms < 0 ? 0 : read->age_ms) + how->waited_ms;
    return (by_tick > by_age ? by_tick : by_age) > how->max_age_ms;
}
