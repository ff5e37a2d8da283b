#include "row.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

bool row_kind_can_deny(const char *k)
{
    return strcmp(k, "person") == 0 || strcmp(k, "credential") == 0 ||
           strcmp(k, "entitlement") == 0;
}

static bool take_identifier(char out[65], const json_t *row, const char *name, char why[200])
{
    const char *s = json_string_value(json_object_get(row, name));
    if (!s || !is_identifier(s)) {
        snprintf(why, 200, "\"%s\" must be 1 to 64 characters of A-Z a-z 0-9 . _ : -", name);
        return false;
    }
    memcpy(out, s, strlen(s) + 1);
    return true;
}

static bool parse(struct row *out, const json_t *root, char why[200])
{
    struct row row = {0};
    if (!json_is_object(root)) {
        snprintf(why, 200, "not a JSON object");
        return false;
    }
    if (!take_identifier(row.k, root, "k", why) || !take_identifier(row.id, root, "id", why))
        return false;
    const json_t *op = json_object_get(root, "op");
    const json_t *d = json_object_get(root, "d");
    const char *op_name = json_string_value(op);
    row.removal = op_name && strcmp(op_name, "del") == 0 && !d;
    if (!row.removal && (op || !json_is_object(d))) {
        snprintf(why, 200, "needs \"d\" with an object, or \"op\":\"del\"");
        return false;
    }
    row.off = row_kind_can_deny(row.k) && json_is_false(json_object_get(d, "enabled"));
    *out = row;
    return true;
}

bool row_parse(struct row *out, struct bytes line, char why[200])
{
    json_error_t error;
    json_t *root = json_loadb(line.at, line.len, JSON_REJECT_DUPLICATES, &error);
    bool good = false;
    if (root)
        good = parse(out, root, why);
    else
        snprintf(why, 200, "not JSON: %.120s", error.text);
    json_decref(root);
    return good;
}
