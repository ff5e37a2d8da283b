/* What comes from the lines: contacts, buttons, alarms; and the warning that goes back to
 * the door's readers. */
#include <stdio.h>

#include "app/gatehoused/controller_parts.h"
#include "app/gatehoused/feedback.h"
#include "app/log.h"

void controller_on_contact(struct controller *c, const struct id *door, bool is_open,
                           struct now now)
{
    struct door_unit *unit = doors_find(&c->doors, door);
    struct door_outcome outcome = {0};
    if (!unit)
        return;
    door_contact(&unit->door, is_open, &unit->rules, now.mono, &outcome);
    controller_take_outcome(c, unit, &outcome, now);
    ledger_flush(&c->ledger);
}

void controller_on_rex(struct controller *c, const struct id *door, bool is_active, struct now now)
{
    struct door_unit *unit = doors_find(&c->doors, door);
    struct door_outcome outcome = {0};
    if (!unit)
        return;
    bool was_cause = unit->door.is_rex_cause;
    door_rex(&unit->door, is_active, &unit->rules, now.mono, &outcome);
    if (unit->config->opener_on_rex && is_active && !was_cause && unit->door.is_rex_cause)
        door_open_by_operator(&unit->door, unit->config->opener_ms, now.mono);
    controller_take_outcome(c, unit, &outcome, now);
}

void controller_rex_at_start(struct controller *c, const struct id *door, struct now now)
{
    struct door_unit *unit = doors_find(&c->doors, door);
    if (unit)
        door_rex_at_start(&unit->door, now.mono);
}

void controller_on_tamper(struct controller *c, const struct id *door, bool is_active,
                          struct now now)
{
    struct door_unit *unit = doors_find(&c->doors, door);
    struct door_outcome outcome = {0};
    if (!unit)
        return;
    door_tamper(&unit->door, is_active, &outcome);
    controller_take_outcome(c, unit, &outcome, now);
}

void controller_on_fire(struct controller *c, const struct id *door, bool is_active, struct now now)
{
    struct door_unit *unit = door ? doors_find(&c->doors, door) : NULL;
    bool *input = unit ? &unit->is_fire : &c->is_fire;
    if ((door && !unit) || *input == is_active)
        return;
    *input = is_active;
    struct event event = {.kind = EVENT_FIRE, .at = now};
    if (door)
        event.door = *door;
    event.args.has_on = true;
    event.args.on = is_active;
    controller_record(c, &event, NULL, false);
    for (size_t i = 0; i < c->doors.n; i++)
        if (!unit || unit == &c->doors.unit[i])
            controller_look_at_mode(c, &c->doors.unit[i], now);
    ledger_flush(&c->ledger);
}

void controller_input_fault(struct controller *c, const struct id *door, const char *what,
                            bool on, struct now now)
{
    struct event event = {.kind = EVENT_RELAY_FAULT, .at = now};
    if (door)
        event.door = *door;
    event.args.fault = what;
    event.args.has_on = true;
    event.args.on = on;
    controller_look(c);
    controller_record(c, &event, NULL, false);
}

static void warn_reader(void *context, const struct id *reader)
{
    const struct controller *c = context;
    /* One that is not heard is followed by the alarm itself. */
    enum gh_err err = feedback_warn(&c->ports.bus, reader);
    (void)err;
}

void controller_warn(struct controller *c, const struct door_unit *unit)
{
    const struct policy_store *store = &c->ports.policy;
    enum gh_err err = store->ops->readers_of(store->self, &unit->config->id, warn_reader, c);
    if (err)
        log_line(LOG_WARNING, "door %s: its readers cannot be asked for: %s", unit->config->id.s,
                 gh_err_name(err));
}

/* --- for whoever installs it ---------------------------------------------------------- */

bool controller_test_relay(struct controller *c, const struct id *door, const char *by,
                           struct now now)
{
    struct door_unit *unit = doors_find(&c->doors, door);
    if (unit) /* the policy may be another one than was looked at */
        controller_look_at_mode(c, unit, now);
    bool may = unit && !door_mode_ends_releases(unit->door.mode) && !unit->door.is_releasing &&
               !controller_is_interlocked(c, unit);
    struct event event = {.kind = EVENT_COMMAND, .at = now, .door = *door};
    event.args.action = "relay_test";
    event.args.result = may ? "done" : "refused";
    snprintf(event.by, sizeof event.by, "%s", by);
    controller_look(c);
    controller_record(c, &event, NULL, false);
    if (may)
        controller_release(c, unit, &(struct door_grant){1, FLOORS_ALL, true}, now);
    return may;
}
