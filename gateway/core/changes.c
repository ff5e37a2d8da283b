#include "core/changes.h"

#include <stdint.h>

enum gh_err changes_add(struct changes *c, struct slice key, struct slice value)
{
    bool forgets = !value.ptr;
    size_t value_len = forgets ? 0 : value.len;
    if (key.len < 1 || key.len > CHANGE_KEY_MAX || value_len > CHANGE_VALUE_MAX)
        return GH_FULL; /* a length byte has no room for it */
    size_t len = 2 + key.len + value_len;
    if (CHANGES_MAX - c->len < len)
        return GH_FULL;
    unsigned char *at = c->bytes + c->len;
    *at++ = (unsigned char)key.len;
    memcpy(at, key.ptr, key.len);
    at += key.len;
    *at++ = forgets ? CHANGE_FORGOTTEN : (unsigned char)value_len;
    if (value_len > 0)
        memcpy(at, value.ptr, value_len);
    c->len += len;
    return GH_OK;
}

/* Takes that many bytes off the list; false if it has fewer. */
static bool take(struct slice *rest, size_t len, struct slice *out)
{
    if (rest->len < len)
        return false;
    *out = slice_make(rest->ptr, len);
    rest->ptr += len;
    rest->len -= len;
    return true;
}

static bool take_length(struct slice *rest, size_t *len)
{
    struct slice byte;
    if (!take(rest, 1, &byte))
        return false;
    *len = (uint8_t)byte.ptr[0];
    return true;
}

static bool take_change(struct slice *rest, struct change *out)
{
    size_t len = 0;
    struct change change;
    if (!take_length(rest, &len) || len < 1 || len > CHANGE_KEY_MAX ||
        !take(rest, len, &change.key) || !take_length(rest, &len))
        return false;
    if (len == CHANGE_FORGOTTEN)
        change.value = (struct slice){NULL, 0};
    else if (!take(rest, len, &change.value))
        return false;
    *out = change;
    return true;
}

bool changes_next(struct slice *rest, struct change *out)
{
    if (rest->len == 0)
        return false;
    if (take_change(rest, out))
        return true;
    *rest = (struct slice){NULL, 0};
    return false;
}

bool changes_are_valid(struct slice list)
{
    struct change change;
    if (list.len == 0)
        return true;
    if (list.len > CHANGES_MAX)
        return false;
    while (changes_next(&list, &change))
        continue;
    return list.ptr != NULL;
}
