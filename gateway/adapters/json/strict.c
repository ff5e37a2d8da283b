#include "strict.h"

#include <stdbool.h>
#include <stdio.h>

/* The library's parser recurses with the nesting, up to a bound of its own that
 * is far above anything that we are sent on purpose; so look before it does. */
static bool is_shallow(struct slice bytes)
{
    int depth = 0;
    bool in_text = false;
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.ptr[i];
        if (in_text) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_text = false;
        } else if (c == '"') {
            in_text = true;
        } else if (c == '{' || c == '[') {
            if (++depth > STRICT_DEPTH_MAX)
                return false;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return true;
}

static const char *explain(const json_error_t *error)
{
    switch ((int)json_error_code(error)) {
    case json_error_out_of_memory: return "out of memory";
    case json_error_premature_end_of_input: return "it ends too early";
    case json_error_end_of_input_expected: return "something follows the object";
    case json_error_invalid_utf8: return "not UTF-8";
    case json_error_null_character:
    case json_error_null_byte_in_key: return "a NUL in a text";
    case json_error_duplicate_key: return "the same member twice";
    case json_error_numeric_overflow: return "a number out of range";
    default: return "not JSON";
    }
}

static void tell(char *why, size_t why_size, const char *what)
{
    if (why && why_size > 0)
        (void)snprintf(why, why_size, "%s", what);
}

json_t *strict_load(struct slice bytes, char *why, size_t why_size)
{
    if (!is_shallow(bytes)) {
        tell(why, why_size, "nested too deeply");
        return NULL;
    }
    json_error_t error = {.position = 0};
    json_t *v = json_loadb(bytes.ptr ? bytes.ptr : "", bytes.len, JSON_REJECT_DUPLICATES, &error);
    if (!v) {
        if (why && why_size > 0)
            (void)snprintf(why, why_size, "%s, at byte %d", explain(&error), error.position);
        return NULL;
    }
    if (!json_is_object(v)) {
        json_decref(v);
        tell(why, why_size, "not a JSON object");
        return NULL;
    }
    return v;
}

struct slice strict_text(const json_t *v)
{
    if (!json_is_string(v))
        return (struct slice){NULL, 0};
    return slice_make(json_string_value(v), json_string_length(v));
}
