#include "row_field.h"

#include <stdarg.h>
#include <stdio.h>

#include "row_json.h"
#include "row_tables.h"
#include "strict.h"

enum gh_err row_refuse(struct row_reader *r, const struct field *f, const char *format, ...)
{
    int n = snprintf(r->why, ROW_WHY_MAX, "%s \"%s\": field \"%s%s%s\" ", r->kind, r->id,
                     r->within ? r->within : "", r->within ? "." : "", f->name);
    if (n > 0 && n < ROW_WHY_MAX) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(r->why + n, ROW_WHY_MAX - (size_t)n, format, args);
        va_end(args);
    }
    return GH_INVALID;
}

#define CHOICES_TEXT_MAX 160

/* Writes: "a", "b" or "c". */
static const char *choices_text(char out[CHOICES_TEXT_MAX], const struct field *f)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; f->choices[i]; i++) {
        const char *comma = i == 0 ? "" : f->choices[i + 1] ? ", " : " or ";
        int n = snprintf(out + used, CHOICES_TEXT_MAX - used, "%s\"%s\"", comma, f->choices[i]);
        if (n < 0 || (size_t)n >= CHOICES_TEXT_MAX - used)
            break;
        used += (size_t)n;
    }
    return out;
}

static enum gh_err refuse_missing(struct row_reader *r, const struct field *f)
{
    char choices[CHOICES_TEXT_MAX];
    if (f->choices)
        return row_refuse(r, f, "is missing: it must be %s", choices_text(choices, f));
    return row_refuse(r, f, "is missing");
}

enum gh_err row_fields_parse(struct row_reader *r, const struct field *fields, size_t n_fields,
                             const json_t *object, void *base)
{
    for (size_t i = 0; i < n_fields; i++) {
        const struct field *f = &fields[i];
        const json_t *v = json_object_get(object, f->name);
        if (f->required && field_is_absent(v))
            return refuse_missing(r, f);
        enum gh_err err = f->parse(r, f, v, f->kept ? (unsigned char *)base + f->offset : NULL);
        if (err)
            return err;
    }
    return GH_OK;
}

static enum gh_err parse_object(struct row_reader *r, const struct field *f,
                                const struct field *fields, size_t n_fields, const json_t *v,
                                void *at)
{
    if (!field_is_absent(v) && !json_is_object(v))
        return row_refuse(r, f, "must be an object");
    r->within = f->name;
    enum gh_err err = row_fields_parse(r, fields, n_fields, json_is_object(v) ? v : NULL, at);
    r->within = NULL;
    return err;
}

enum gh_err field_object(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    return parse_object(r, f, f->fields, f->n_fields, v, at);
}

enum gh_err field_where(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    static const struct field fields[] = {
        {FIELD("all", field_switch), KEPT(policy_where, all)},
        {FIELD("doors", field_ids), KEPT(policy_where, doors)},
        {FIELD("door_groups", field_ids), KEPT(policy_where, door_groups)},
    };
    return parse_object(r, f, fields, COUNT(fields), v, at);
}

enum gh_err field_text(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    (void)at;
    if (!field_is_absent(v) && !json_is_string(v))
        return row_refuse(r, f, "must be a text");
    return GH_OK;
}

enum gh_err field_texts(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    (void)at;
    if (!field_is_absent(v) && !json_is_array(v))
        return row_refuse(r, f, "must be a list of texts");
    for (size_t i = 0; i < json_array_size(v); i++)
        if (!json_is_string(json_array_get(v, i)))
            return row_refuse(r, f, "must be a list of texts");
    return GH_OK;
}

/* Names are for people only: one that is too long is no reason to refuse a
 * batch that may take a right away from someone. */
enum gh_err field_label(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    enum gh_err err = field_text(r, f, v, NULL);
    if (err)
        return err;
    struct slice text = strict_text(v);
    size_t n = text.len;
    if (n > POLICY_NAME_MAX) {
        n = POLICY_NAME_MAX;
        while (n > 0 && ((unsigned char)text.ptr[n] & 0xc0) == 0x80)
            n--;
    }
    char *label = at;
    if (n > 0)
        memcpy(label, text.ptr, n);
    label[n] = '\0';
    return GH_OK;
}

/* An IANA name becomes part of a path sooner or later: so no dots, and no
 * slash but between two parts. */
static bool is_zone_name(struct slice t)
{
    if (t.len < 1 || t.len > TZ_NAME_MAX)
        return false;
    char before = '/';
    for (size_t i = 0; i < t.len; i++) {
        char c = t.ptr[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool other = (c >= '0' && c <= '9') || c == '_' || c == '+' || c == '-';
        if (!letter && (before == '/' || (c != '/' && !other)))
            return false;
        before = c;
    }
    return before != '/';
}

enum gh_err field_zone(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    char *zone = at;
    zone[0] = '\0';
    if (field_is_absent(v))
        return GH_OK;
    struct slice text = strict_text(v);
    if (!is_zone_name(text))
        return row_refuse(r, f, "must be a time zone such as Europe/Berlin");
    memcpy(zone, text.ptr, text.len);
    zone[text.len] = '\0';
    return GH_OK;
}

enum gh_err field_id(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    struct id id = {0};
    if (!field_is_absent(v) && id_set(&id, strict_text(v)))
        return row_refuse(r, f, "must be an id");
    *(struct id *)at = id;
    return GH_OK;
}

enum gh_err field_calendar(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    struct id calendar = {"default"};
    if (!field_is_absent(v) && id_set(&calendar, strict_text(v)))
        return row_refuse(r, f, "must be the id of a calendar");
    *(struct id *)at = calendar;
    return GH_OK;
}

/* An empty text is as good as none. */
enum gh_err field_word(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    struct slice text = strict_text(v);
    bool empty = field_is_absent(v) || (json_is_string(v) && text.len == 0);
    if (!empty && !row_word_is_valid(text))
        return row_refuse(r, f, "must be null or " ROW_WORD_RULE, POLICY_WORD_MAX);
    char *word = at;
    if (!empty)
        memcpy(word, text.ptr, text.len);
    word[text.len] = '\0';
    return GH_OK;
}

/* A null here may have been meant as "no": so it is not taken as the default. */
enum gh_err field_switch(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    if (v && !json_is_boolean(v))
        return row_refuse(r, f, "must be true or false");
    *(bool *)at = v ? json_is_true(v) : f->def != 0;
    return GH_OK;
}

static bool is_int_of(const struct field *f, const json_t *v)
{
    return json_is_integer(v) && json_integer_value(v) >= f->min && json_integer_value(v) <= f->max;
}

enum gh_err field_int(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    bool absent = field_is_absent(v);
    if (!absent && !is_int_of(f, v))
        return row_refuse(r, f, "must be a whole number from %ld to %ld", f->min, f->max);
    *(int *)at = (int)(absent ? f->def : json_integer_value(v));
    return GH_OK;
}

enum gh_err field_limit(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    if (!field_is_absent(v) && !is_int_of(f, v))
        return row_refuse(r, f, "must be null or a whole number from %ld to %ld", f->min, f->max);
    *(int *)at = (int)(!v ? f->def : json_is_null(v) ? -1 : json_integer_value(v));
    return GH_OK;
}

enum gh_err field_real(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    double n = (double)f->def;
    if (!field_is_absent(v)) {
        n = json_number_value(v);
        if (!json_is_number(v) || !(n >= (double)f->min && n <= (double)f->max))
            return row_refuse(r, f, "must be a number from %ld to %ld", f->min, f->max);
    }
    *(double *)at = n;
    return GH_OK;
}

enum gh_err field_date(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    struct date date = {0};
    if (!field_is_absent(v) && date_parse(&date, strict_text(v)))
        return row_refuse(r, f, "must be a date such as 2025-01-31, and there must be such a day");
    *(struct date *)at = date;
    return GH_OK;
}

enum gh_err field_instant(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    int64_t instant = INSTANT_NONE;
    if (!field_is_absent(v) && instant_parse(&instant, strict_text(v)))
        return row_refuse(r, f, "must be an instant such as 2025-01-31T08:00:00+01:00");
    if (at)
        *(int64_t *)at = instant;
    return GH_OK;
}

/* Puts the index of a choice into *out. */
static enum gh_err parse_choice(struct row_reader *r, const struct field *f, const json_t *v,
                                unsigned *out)
{
    char choices[CHOICES_TEXT_MAX];
    unsigned i = 0;
    if (field_is_absent(v)) {
        *out = (unsigned)f->def;
        return GH_OK;
    }
    while (f->choices[i] && !slice_is(strict_text(v), f->choices[i]))
        i++;
    if (!f->choices[i])
        return row_refuse(r, f, "must be %s", choices_text(choices, f));
    *out = i;
    return GH_OK;
}

enum gh_err field_choice(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    return parse_choice(r, f, v, at);
}

enum gh_err field_either(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    unsigned i = 0;
    enum gh_err err = parse_choice(r, f, v, &i);
    if (!err)
        *(bool *)at = i != 0;
    return err;
}
