#include "core/policy.h"

#include "core/word.h"

static const char *const kind_words[ROW_KINDS] = {
    "site",   "door",       "reader",   "door_group",  "group",
    "person", "credential", "schedule", "entitlement", "holiday",
    "access_rules", "geofence", "door_mode", "lockdown", "area", "interlock",
};

const char *row_kind_name(enum row_kind kind)
{
    return kind_words[kind];
}

enum gh_err row_kind_parse(enum row_kind *out, struct slice word)
{
    int i;
    enum gh_err err = word_find(&i, kind_words, ROW_KINDS, word);
    if (err)
        return err;
    *out = (enum row_kind)i;
    return GH_OK;
}

static const char *const entitlement_words[ENTITLEMENT_KINDS] = {
    "role", "access_group", "grant", "reservation", "temp_key", "delivery",
};

const char *entitlement_kind_name(enum entitlement_kind kind)
{
    return entitlement_words[kind];
}

enum gh_err entitlement_kind_parse(enum entitlement_kind *out, struct slice word)
{
    int i;
    enum gh_err err = word_find(&i, entitlement_words, ENTITLEMENT_KINDS, word);
    if (err)
        return err;
    *out = (enum entitlement_kind)i;
    return GH_OK;
}
