#include "json.h"

#include <string.h>

#include "strict.h"

/* struct json is never defined: it is the library's value under our name. */
static const json_t *in(const struct json *v)
{
    return (const json_t *)v;
}

static json_t *in_mutable(struct json *v)
{
    return (json_t *)v;
}

static const json_t *member(const struct json *v, const char *name)
{
    return json_object_get(in(v), name);
}

struct json *json_parse_object(struct slice bytes, char *why, size_t why_size)
{
    return (struct json *)strict_load(bytes, why, why_size);
}

void json_free(struct json *v)
{
    json_decref(in_mutable(v));
}

bool json_text(const struct json *v, const char *name, struct slice *out)
{
    const json_t *m = member(v, name);
    if (!json_is_string(m))
        return false;
    *out = strict_text(m);
    return true;
}

bool json_int(const struct json *v, const char *name, int64_t *out)
{
    const json_t *m = member(v, name);
    if (!json_is_integer(m))
        return false;
    *out = json_integer_value(m);
    return true;
}

bool json_bool(const struct json *v, const char *name, bool *out)
{
    const json_t *m = member(v, name);
    if (!json_is_boolean(m))
        return false;
    *out = json_is_true(m);
    return true;
}

bool json_has(const struct json *v, const char *name)
{
    const json_t *m = member(v, name);
    return m && !json_is_null(m);
}

const struct json *json_child(const struct json *v, const char *name)
{
    const json_t *m = member(v, name);
    return json_is_object(m) ? (const struct json *)m : NULL;
}

bool json_has_array(const struct json *v, const char *name)
{
    return json_is_array(member(v, name));
}

size_t json_array_len(const struct json *v, const char *name)
{
    return json_array_size(member(v, name));
}

const struct json *json_array_at(const struct json *v, const char *name, size_t i)
{
    return (const struct json *)json_array_get(member(v, name), i);
}

bool json_array_text(const struct json *v, const char *name, size_t i, struct slice *out)
{
    const json_t *element = in(json_array_at(v, name, i));
    if (!json_is_string(element))
        return false;
    *out = strict_text(element);
    return true;
}

struct json *json_new(void)
{
    return (struct json *)json_object();
}

/* Takes value, which may be NULL. */
static bool set(struct json *v, const char *name, json_t *value)
{
    return json_object_set_new(in_mutable(v), name, value) == 0;
}

bool json_set_text(struct json *v, const char *name, struct slice text)
{
    /* Our own parser would refuse a NUL. */
    if (text.len > 0 && memchr(text.ptr, '\0', text.len))
        return false;
    return set(v, name, json_stringn(text.ptr ? text.ptr : "", text.len));
}

bool json_set_int(struct json *v, const char *name, int64_t n)
{
    return set(v, name, json_integer(n));
}

bool json_set_real(struct json *v, const char *name, double n)
{
    return set(v, name, json_real(n));
}

bool json_set_bool(struct json *v, const char *name, bool b)
{
    return set(v, name, json_boolean(b));
}

bool json_set_null(struct json *v, const char *name)
{
    return set(v, name, json_null());
}

bool json_set_text_or_null(struct json *v, const char *name, const char *text)
{
    return text ? json_set_text(v, name, slice_of(text)) : json_set_null(v, name);
}

bool json_set(struct json *v, const char *name, struct json *child)
{
    return set(v, name, in_mutable(child));
}

bool json_append(struct json *v, const char *name, struct json *child)
{
    STRICT_OWNED json_t *owned = in_mutable(child);
    json_t *array = json_object_get(in(v), name);
    if (!owned || (array && !json_is_array(array)))
        return false;
    if (array)
        return json_array_append(array, owned) == 0;
    /* The array goes in last, so that a failure leaves v as it was. */
    STRICT_OWNED json_t *made = json_array();
    return made && json_array_append(made, owned) == 0 &&
           json_object_set(in_mutable(v), name, made) == 0;
}

bool json_append_text(struct json *v, const char *name, struct slice text)
{
    return json_append(v, name,
                       (struct json *)json_stringn(text.ptr ? text.ptr : "", text.len));
}

bool json_append_int(struct json *v, const char *name, int64_t n)
{
    return json_append(v, name, (struct json *)json_integer(n));
}

bool json_set_empty_array(struct json *v, const char *name)
{
    STRICT_OWNED json_t *made = json_array();
    return made && json_object_set(in_mutable(v), name, made) == 0;
}

bool json_copy_member(struct json *v, const char *name, const struct json *from)
{
    json_t *member = json_object_get(in(from), name);
    if (!member)
        return true;
    STRICT_OWNED json_t *copy = json_deep_copy(member);
    return copy && json_object_set(in_mutable(v), name, copy) == 0;
}

struct json *json_clone(const struct json *v)
{
    return (struct json *)json_deep_copy(in(v));
}

char *json_print(const struct json *v, size_t *len)
{
    char *text = json_dumps(in(v), JSON_COMPACT);
    if (text && len)
        *len = strlen(text);
    return text;
}
