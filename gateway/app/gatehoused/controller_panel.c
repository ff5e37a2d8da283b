/* Commands of local panels: panels/{panel}/command, answered on panels/{panel}/result.
 * Source: MQTT contract. The panel in the topic is the truth; what it may do, and where, is in
 * the configuration. */
#include <stdio.h>

#include "app/gatehoused/command_json.h"
#include "app/gatehoused/controller_parts.h"

_Static_assert(COMMAND_RELEASE == 0 && COMMAND_HOLD_OPEN == 1 && COMMAND_LOCK == 2 &&
                   COMMAND_RESTORE == 3 && COMMAND_LOCKDOWN == 4 &&
                   COMMAND_LOCKDOWN_RELEASE == 5 && COMMAND_FORGIVE_ANTIPASSBACK == 6 &&
                   COMMAND_PRESENT == 7,
               "the configuration has these bits, too: config_set_actions");

/* What opens must not be possible for longer from now on. */
#define PANEL_OPENS_S 60

struct answer {
    const struct id *panel;
    struct id id;         /* of the command; none = it has none that can be trusted */
    const char *result;
    const char *reason;   /* NULL = none */
};

static void answer(struct controller *c, const struct answer *a)
{
    char topic[BUS_TOPIC_MAX], payload[512];
    const char *quote = id_is_none(&a->id) ? "" : "\"";
    int t = snprintf(topic, sizeof topic, "gatehouse/v1/panels/%s/result", a->panel->s);
    int p = snprintf(payload, sizeof payload, "{\"id\":%s%s%s,\"result\":\"%s\"%s%s%s}", quote,
                     id_is_none(&a->id) ? "null" : a->id.s, quote, a->result,
                     a->reason ? ",\"reason\":\"" : "", a->reason ? a->reason : "",
                     a->reason ? "\"" : "");
    /* One that is not heard is asked for again, and answered as a duplicate. */
    enum gh_err err = c->ports.bus.ops->publish(c->ports.bus.self, slice_make(topic, (size_t)t),
                                                slice_make(payload, (size_t)p), 1, false);
    (void)err;
}

/* Refused before it is a command: an event, and the answer. fault: static text without quotes. */
static void refuse(struct controller *c, const struct id *panel, const struct command *command,
                   const char *fault, struct now now)
{
    struct event event = {.kind = EVENT_COMMAND, .at = now};
    event.args.result = "refused";
    event.args.fault = fault;
    if (command) {
        event.args.action = command_action_name(command->action);
        event.args.id = command->id;
        event.door = command->door;
    }
    snprintf(event.by, sizeof event.by, "panel:%s", panel->s);
    controller_look(c);
    controller_record(c, &event, NULL, false);
    answer(c, &(struct answer){.panel = panel,
                               .id = command ? command->id : (struct id){""},
                               .result = "refused",
                               .reason = fault});
}

/* The door where the command does something; false: none alone, or nobody knows. A read that
 * is presented opens the door of its reader, whatever the command names. */
static bool acts_at(struct controller *c, const struct command *command, struct id *door)
{
    const struct policy_store *store = &c->ports.policy;
    const struct policy_query query = {.reader = &command->read.reader};
    struct policy_facts policy;
    *door = command->door;
    if (command->action == COMMAND_FORGIVE_ANTIPASSBACK)
        return false; /* areas have no door */
    if (command->action != COMMAND_PRESENT)
        return command->has_door;
    if (store->ops->ask(store->self, &query, &policy) != GH_OK || !policy.reader_known)
        return false;
    *door = policy.reader.reader.door;
    return true;
}

/* Why it may not; NULL if it may. */
static const char *forbids(struct controller *c, const struct config_panel *panel,
                           const struct command *command, struct now now)
{
    bool opens = command->action == COMMAND_RELEASE || command->action == COMMAND_PRESENT;
    struct id door;
    if (!(panel->actions & (1u << command->action)))
        return "this panel may not do that";
    bool may = panel->all_doors, named = !may && acts_at(c, command, &door);
    for (size_t i = 0; i < panel->n_doors && named && !may; i++)
        may = id_equal(&panel->door[i], &door);
    if (!may)
        return "this panel may not do that at this door, or at all doors";
    if (id_is_none(&command->id))
        return "a command needs an id";
    if (opens && (command->not_after == INSTANT_NONE ||
                  (wall_is_trusted(now.wall) && command->not_after > now.wall.s + PANEL_OPENS_S)))
        return "release and present need a not_after at most 60 s ahead";
    return NULL;
}

static void take(struct controller *c, const struct id *id, const struct json *v, struct now now)
{
    struct command command = {.action = COMMAND_RELEASE};
    char why[200], by[EVENT_TEXT_MAX];
    const struct config_panel *panel = config_find_panel(c->config, id);
    if (!command_json_parse(v, "panel", &command, why, sizeof why)) {
        refuse(c, id, NULL, "the command makes no sense", now);
        return;
    }
    const char *fault = panel ? forbids(c, panel, &command, now) : "this panel is not configured";
    if (fault) {
        refuse(c, id, &command, fault, now);
        return;
    }
    snprintf(by, sizeof by, "panel:%s", id->s);
    command.by = by;
    command.from = *id;
    command.is_remote = true;
    struct command_outcome v2 = controller_command(c, &command, now);
    const char *reason = v2.fault ? v2.fault : reason_name(v2.reason);
    answer(c, &(struct answer){.panel = id,
                               .id = command.id,
                               .result = command_result_name(v2.result),
                               .reason = v2.result == COMMAND_REFUSED ? reason : NULL});
    crypto_forget(&command.read, sizeof command.read);
}

void controller_panel(struct controller *c, const struct bus_note *note, const struct id *panel,
                      struct now now)
{
    if (note->retained && note->payload_len == 0 && !note->oversize)
        return; /* our own clearing of a retained one */
    limits_missed(&c->panel_limits, panel, note->missed, now.mono);
    c->stats.flooded += note->missed;
    if (!limits_allow(&c->panel_limits, panel, now.mono)) {
        c->stats.flooded++;
        return;
    }
    if (note->retained) {
        controller_refuse_retained(c, note, NULL, panel, now);
        return;
    }
    struct json *v = note->oversize ? NULL
                                    : json_parse_object(slice_make(note->payload, note->payload_len),
                                                        NULL, 0);
    if (v)
        take(c, panel, v, now);
    else
        refuse(c, panel, NULL, "the command is no JSON object", now);
    json_free(v);
}
