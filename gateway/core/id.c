#include "core/id.h"

static bool is_id_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '_' || c == ':' || c == '-';
}

bool id_is_valid(struct slice text)
{
    if (text.len < 1 || text.len > ID_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (!is_id_char(text.ptr[i]))
            return false;
    return true;
}

enum gh_err id_set(struct id *out, struct slice text)
{
    if (!id_is_valid(text))
        return GH_INVALID;
    memcpy(out->s, text.ptr, text.len);
    out->s[text.len] = '\0';
    return GH_OK;
}
