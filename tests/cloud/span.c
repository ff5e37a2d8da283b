#include "span.h"

#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip(struct bytes *b, size_t n)
{
    if (n > b->len)
        n = b->len;
    b->at += n;
    b->len -= n;
}

/* Skips white space and the punctuation that may stand between values. */
static void skip_to_value(struct bytes *b)
{
    while (b->len > 0 && (is_space(*b->at) || *b->at == ',' || *b->at == ':'))
        skip(b, 1);
}

static size_t string_len(struct bytes b)
{
    size_t i = 1;
    while (i < b.len && b.at[i] != '"')
        i += b.at[i] == '\\' ? 2 : 1;
    return i < b.len ? i + 1 : b.len;
}

static size_t value_len(struct bytes b)
{
    size_t depth = 0;
    size_t i = 0;
    while (i < b.len) {
        char c = b.at[i];
        if (c == '"') {
            i += string_len((struct bytes){b.at + i, b.len - i});
        } else if (c == '{' || c == '[') {
            depth++;
            i++;
        } else if (c == '}' || c == ']') {
            if (depth == 0)
                return i; /* the end of what a number stands in */
            depth--;
            i++;
        } else if (depth == 0 && (c == ',' || is_space(c))) {
            return i; /* the end of a number or literal */
        } else {
            i++;
            continue;
        }
        if (depth == 0)
            return i;
    }
    return i;
}

static bool next_value(struct bytes *rest, struct bytes *value)
{
    skip_to_value(rest);
    if (rest->len == 0 || *rest->at == '}' || *rest->at == ']')
        return false;
    *value = (struct bytes){rest->at, value_len(*rest)};
    skip(rest, value->len);
    return true;
}

static bool is_key(struct bytes key, const char *name)
{
    return key.len >= 2 && bytes_equal((struct bytes){key.at + 1, key.len - 2}, name);
}

bool span_member(struct bytes object, const char *name, struct bytes *value)
{
    struct bytes key;
    while (object.len > 0 && is_space(*object.at))
        skip(&object, 1);
    skip(&object, 1);
    while (next_value(&object, &key) && next_value(&object, value))
        if (is_key(key, name))
            return true;
    return false;
}

bool span_last_member(struct bytes object, const char *name, struct bytes *before,
                      struct bytes *value)
{
    struct bytes rest = object, key = {0}, last = {0}, found = {0};
    while (rest.len > 0 && is_space(*rest.at))
        skip(&rest, 1);
    skip(&rest, 1);
    while (next_value(&rest, &key) && next_value(&rest, &found))
        last = key;
    if (!last.at || !is_key(last, name))
        return false;
    size_t len = (size_t)(last.at - object.at);
    while (len > 0 && object.at[len - 1] != ',')
        len--;
    if (len == 0)
        return false; /* the only member: nothing stands before it */
    *before = (struct bytes){object.at, len - 1};
    *value = found;
    return true;
}

bool span_element(struct bytes *rest, struct bytes *element)
{
    /* The array's own bracket, the first time. An element that is an array
     * itself is never met here as the rest's first byte: a comma precedes it. */
    if (rest->len > 0 && *rest->at == '[')
        skip(rest, 1);
    return next_value(rest, element);
}
