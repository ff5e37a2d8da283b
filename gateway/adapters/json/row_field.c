#include "row_field.h"

#include <stdarg.h>
#include <stdio.h>

#include "row_json.h"
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

#define SHOWN_MAX (ID_MAX + 3)

/* A value as an error line may show it: short, and nothing but plain text. */
static const char *shown(char out[SHOWN_MAX], const json_t *v)
{
    struct slice text = strict_text(v);
    if (json_is_true(v))
        return "true";
    if (json_is_false(v))
        return "false";
    if (json_is_null(v))
        return "null";
    if (json_is_integer(v))
        (void)snprintf(out, SHOWN_MAX, "%lld", (long long)json_integer_value(v));
    else if (id_is_valid(text))
        (void)snprintf(out, SHOWN_MAX, "\"%.*s\"", (int)text.len, text.ptr);
    else
        return "set";
    return out;
}

static enum gh_err refuse_value(struct row_reader *r, const struct field *f, const json_t *v,
                                const char *evaluated)
{
    char text[SHOWN_MAX];
    return row_refuse(r, f, "is %s: this version evaluates only %s", shown(text, v), evaluated);
}

enum gh_err row_fields_parse(struct row_reader *r, const struct field *fields, size_t n_fields,
                             const json_t *object, void *base)
{
    for (size_t i = 0; i < n_fields; i++) {
        const struct field *f = &fields[i];
        const json_t *v = json_object_get(object, f->name);
        if (f->required && field_is_absent(v))
            return row_refuse(r, f, "is missing");
        void *at = f->kept ? (unsigned char *)base + f->offset : NULL;
        /* An object's own fields count their offsets from the same base. */
        enum gh_err err = f->parse(r, f, v, f->fields ? base : at);
        if (err)
            return err;
    }
    return GH_OK;
}

enum gh_err field_object(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    if (!field_is_absent(v) && !json_is_object(v))
        return row_refuse(r, f, "must be an object");
    r->within = f->name;
    enum gh_err err =
        row_fields_parse(r, f->fields, f->n_fields, json_is_object(v) ? v : NULL, at);
    r->within = NULL;
    return err;
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

enum gh_err field_ids(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    struct id_list list = {0};
    if (!field_is_absent(v) && !json_is_array(v))
        return row_refuse(r, f, "must be a list of ids");
    size_t n = json_array_size(v);
    if (n > 0) {
        struct id *ids = arena_take(r->arena, n, sizeof *ids);
        if (!ids)
            return GH_FULL;
        for (size_t i = 0; i < n; i++)
            if (id_set(&ids[i], strict_text(json_array_get(v, i))))
                return row_refuse(r, f, "must be a list of ids: entry %zu is none", i + 1);
        list = (struct id_list){ids, n};
    }
    *(struct id_list *)at = list;
    return GH_OK;
}

/* A null here may have been meant as "no": so it is not taken as the default. */
enum gh_err field_switch(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    if (v && !json_is_boolean(v))
        return row_refuse(r, f, "must be true or false");
    bool on = v ? json_is_true(v) : f->def != 0;
    if (f->evaluated && !(f->evaluated & FIELD_VALUE(on)))
        return refuse_value(r, f, v, on ? "false" : "true");
    if (at)
        *(bool *)at = on;
    return GH_OK;
}

static enum gh_err check_int(struct row_reader *r, const struct field *f, const json_t *v)
{
    if (!json_is_integer(v) || json_integer_value(v) < f->min || json_integer_value(v) > f->max)
        return row_refuse(r, f, "must be a whole number from %ld to %ld", f->min, f->max);
    return GH_OK;
}

static enum gh_err refuse_int(struct row_reader *r, const struct field *f, const json_t *v)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%ld", f->def);
    return refuse_value(r, f, v, text);
}

enum gh_err field_int(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    long n = f->def;
    if (!field_is_absent(v)) {
        enum gh_err err = check_int(r, f, v);
        if (err)
            return err;
        n = (long)json_integer_value(v);
    }
    if (f->only_default && n != f->def)
        return refuse_int(r, f, v);
    if (at)
        *(int *)at = (int)n;
    return GH_OK;
}

enum gh_err field_limit(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    int limit = (int)f->def;
    if (json_is_null(v)) {
        limit = -1;
    } else if (v) {
        enum gh_err err = check_int(r, f, v);
        if (err)
            return err;
        limit = (int)json_integer_value(v);
    }
    *(int *)at = limit;
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
    *(int64_t *)at = instant;
    return GH_OK;
}

/* Writes: "a", "b" or "c", of the words whose bit is set. */
static void join_words(char *out, size_t size, const char *const *words, field_value_set set)
{
    size_t used = 0;
    bool first = true;
    out[0] = '\0';
    for (unsigned i = 0; words[i]; i++) {
        if (!(set & FIELD_VALUE(i)))
            continue;
        set &= ~FIELD_VALUE(i);
        const char *comma = first ? "" : set ? ", " : " or ";
        int n = snprintf(out + used, size - used, "%s\"%s\"", comma, words[i]);
        if (n < 0 || (size_t)n >= size - used)
            return;
        used += (size_t)n;
        first = false;
    }
}

enum gh_err field_word(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    unsigned i = (unsigned)f->def;
    if (at)
        *(unsigned *)at = i;
    if (field_is_absent(v))
        return GH_OK;
    char allowed[160];
    i = 0;
    while (f->words[i] && !slice_is(strict_text(v), f->words[i]))
        i++;
    if (!f->words[i]) {
        join_words(allowed, sizeof allowed, f->words, FIELD_VALUE(i) - 1);
        return row_refuse(r, f, "must be %s", allowed);
    }
    if (f->evaluated && !(f->evaluated & FIELD_VALUE(i))) {
        join_words(allowed, sizeof allowed, f->words, f->evaluated);
        return refuse_value(r, f, v, allowed);
    }
    if (at)
        *(unsigned *)at = i;
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

enum gh_err field_unset(struct row_reader *r, const struct field *f, const json_t *v, void *at)
{
    (void)at;
    if (field_is_absent(v) || (json_is_array(v) && json_array_size(v) == 0))
        return GH_OK;
    return refuse_value(r, f, v, json_is_array(v) ? "an empty list" : "null");
}
