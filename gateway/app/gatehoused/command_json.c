#include "app/gatehoused/command_json.h"

#include <stdio.h>
#include <stdlib.h>

#include "adapters/json/read_json.h"

static bool complain(char *why, size_t why_size, const char *text)
{
    snprintf(why, why_size, "%s", text);
    return false;
}

/* An id that may be absent, beside args or in it. */
static bool get_id(const struct json *v, const struct json *args, const char *name, struct id *out)
{
    struct slice text = {0};
    const struct json *home = json_has(v, name) ? v : args;
    *out = (struct id){""};
    if (!home || !json_has(home, name))
        return true;
    return json_text(home, name, &text) && id_set(out, text) == GH_OK;
}

static bool get_instant(const struct json *v, const char *name, int64_t *out)
{
    struct slice text = {0};
    *out = INSTANT_NONE;
    return !v || !json_has(v, name) ||
           (json_text(v, name, &text) && instant_parse(out, text) == GH_OK);
}

bool command_json_read(const struct json *v, const struct id *reader, const char *read_id,
                       struct read *out, char *why, size_t why_size)
{
    static const char *const members[] = {"type", "value", "pin", "bits", "location"};
    size_t len;
    struct json *read = json_new();
    bool ok = read && json_set_text(read, "id", slice_of(read_id));
    for (size_t i = 0; ok && i < sizeof members / sizeof members[0]; i++)
        ok = json_copy_member(read, members[i], v);
    char *payload = ok ? json_print(read, &len) : NULL;
    json_free(read);
    /* By the very parser of reads. */
    ok = payload && read_json_parse(out, reader, slice_make(payload, len)) == GH_OK;
    free(payload);
    return ok || complain(why, why_size, "a read needs \"type\" and a \"value\" of that type");
}

static bool get_present(const struct json *args, const char *fallback, struct command *out,
                        char *why, size_t why_size)
{
    struct slice name = {0};
    struct id reader;
    if (!args || !json_text(args, "reader", &name) || id_set(&reader, name) != GH_OK)
        return complain(why, why_size, "present needs \"args\": reader, type and value");
    const char *read_id = id_is_none(&out->id) ? fallback : out->id.s;
    return command_json_read(args, &reader, read_id, &out->read, why, why_size);
}

bool command_json_parse(const struct json *v, const char *fallback, struct command *out,
                        char *why, size_t why_size)
{
    struct slice text = {0};
    const struct json *args = json_child(v, "args");
    *out = (struct command){.has_door = json_has(v, "door")};
    if (!json_text(v, "action", &text) || command_action_parse(&out->action, text) != GH_OK)
        return complain(why, why_size,
                        "\"action\" must be release, hold_open, lock, restore, lockdown, "
                        "lockdown_release, forgive_antipassback or present");
    if (json_has(v, "args") && !args) /* what it was to limit must not go unlimited */
        return complain(why, why_size, "\"args\" must be an object");
    if (json_text(v, "door", &text) && id_set(&out->door, text) != GH_OK)
        out->door = (struct id){""}; /* a door that cannot be: it is refused as unknown */
    if (!get_id(v, NULL, "id", &out->id))
        return complain(why, why_size, "\"id\" must be an id");
    if (!get_id(v, args, "person", &out->person) || !get_id(v, args, "area", &out->area))
        return complain(why, why_size, "\"person\" and \"area\" must be ids");
    if (!get_instant(v, "not_after", &out->not_after) || !get_instant(args, "until", &out->until))
        return complain(why, why_size,
                        "\"not_after\" and \"until\" must be times such as 2025-01-31T08:00:00Z");
    return out->action != COMMAND_PRESENT || get_present(args, fallback, out, why, why_size);
}
