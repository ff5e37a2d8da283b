/* Commands: from the cloud, from panels, from whoever sits at the box.
 * Source: the decision contract, "Door mode", "Admin release" and "Lost or stolen". */
#include <stdio.h>

#include "app/gatehoused/command_memory.h"
#include "app/gatehoused/controller_parts.h"
#include "app/gatehoused/remote_cap.h"
#include "core/word.h"

static const char *const action_words[COMMAND_ACTIONS] = {
    [COMMAND_RELEASE] = "release",
    [COMMAND_HOLD_OPEN] = "hold_open",
    [COMMAND_LOCK] = "lock",
    [COMMAND_RESTORE] = "restore",
    [COMMAND_LOCKDOWN] = "lockdown",
    [COMMAND_LOCKDOWN_RELEASE] = "lockdown_release",
    [COMMAND_FORGIVE_ANTIPASSBACK] = "forgive_antipassback",
    [COMMAND_PRESENT] = "present",
    [COMMAND_RESYNC] = "resync",
};

const char *command_action_name(enum command_action action)
{
    return action_words[action];
}

enum gh_err command_action_parse(enum command_action *out, struct slice word)
{
    int i;
    enum gh_err err = word_find(&i, action_words, COMMAND_ACTIONS, word);
    if (err)
        return err;
    *out = (enum command_action)i;
    return GH_OK;
}

const char *command_result_name(enum command_result result)
{
    static const char *const words[] = {[COMMAND_DONE] = "done",
                                        [COMMAND_REFUSED] = "refused",
                                        [COMMAND_EXPIRED] = "expired",
                                        [COMMAND_DUPLICATE] = "duplicate"};
    return words[result];
}

static struct command_outcome refuse(enum reason reason)
{
    return (struct command_outcome){.result = COMMAND_REFUSED, .reason = reason};
}

static struct command_outcome done(void)
{
    return (struct command_outcome){.result = COMMAND_DONE, .reason = REASON_GRANTED};
}

/* --- what holds for all of them ------------------------------------------------------- */

/* What opens must not come late; without a clock nobody knows whether it does. */
static bool needs_clock(const struct command *command)
{
    switch (command->action) {
    case COMMAND_RELEASE:
    case COMMAND_PRESENT: return true;
    case COMMAND_HOLD_OPEN:
    case COMMAND_RESTORE:
    case COMMAND_LOCKDOWN_RELEASE: return command->not_after != INSTANT_NONE;
    case COMMAND_LOCK:
    case COMMAND_LOCKDOWN:
    case COMMAND_FORGIVE_ANTIPASSBACK:
    case COMMAND_RESYNC: break;
    }
    return false;
}

/* --- one door --------------------------------------------------------------------------- */

static enum reason judge(struct controller *c, const struct door_unit *unit,
                         enum reason (*rule)(const struct access_facts *facts), struct now now,
                         int *release_s)
{
    const struct policy_store *store = &c->ports.policy;
    struct policy_facts policy;
    struct latch latch[MODE_ROWS_MAX];
    struct door_situation situation;
    struct lens lens;
    if (store->ops->look(store->self, &unit->config->id, &policy) != GH_OK)
        return REASON_POLICY_UNAVAILABLE;
    c->version = policy.version;
    if (!policy.door_known)
        return REASON_DOOR_UNKNOWN;
    controller_focus(c, &lens, &policy, now.wall);
    controller_situation(c, unit, policy.door, latch, &situation);
    struct access_facts facts = {.policy = &policy, .door = &situation, .now = lens.now};
    *release_s = policy.door->door.release_s;
    return rule(&facts);
}

static bool is_within_cap(struct controller *c, const struct command *command, struct now now)
{
    return !command->is_remote ||
           remote_cap_take(&c->ledger, c->config->remote_releases, now.wall.s);
}

static struct command_outcome refuse_over_cap(void)
{
    return (struct command_outcome){
        .result = COMMAND_REFUSED,
        .fault = "more remote releases in an hour than the configuration allows"};
}

static struct command_outcome do_release(struct controller *c, struct door_unit *unit,
                                         const struct command *command, struct now now)
{
    struct command_outcome outcome = done();
    outcome.reason = judge(c, unit, access_admin_release, now, &outcome.release_s);
    if (outcome.reason != REASON_GRANTED)
        return refuse(outcome.reason);
    return is_within_cap(c, command, now) ? outcome : refuse_over_cap();
}

static struct command_outcome do_hold_open(struct controller *c, struct door_unit *unit,
                                           const struct command *command, struct now now)
{
    int release_s = 0;
    enum reason reason = judge(c, unit, access_hold_open, now, &release_s);
    if (reason != REASON_GRANTED)
        return refuse(reason);
    doors_set_local(unit, &c->ledger, LOCAL_UNLOCKED, now.wall.s, command->until);
    return done();
}

#define NEWEST INT64_C(253402300799) /* the end of the year 9999: no row is newer */

/* What may be for every door. Without a clock nobody can tell whether a lock is newer than
 * the rows that unlock: it is taken to be. */
static void change_local(struct controller *c, struct door_unit *unit,
                         const struct command *command, struct now now)
{
    switch (command->action) {
    case COMMAND_LOCK:
        doors_set_local(unit, &c->ledger, LOCAL_LOCKED,
                        wall_is_trusted(now.wall) ? now.wall.s : NEWEST, command->until);
        break;
    case COMMAND_RESTORE: doors_set_restored(unit, &c->ledger, now.wall.s); break;
    case COMMAND_LOCKDOWN: doors_set_lockdown(unit, &c->ledger, true, now.wall.s); break;
    case COMMAND_LOCKDOWN_RELEASE:
        doors_set_lockdown(unit, &c->ledger, false, now.wall.s);
        break;
    case COMMAND_RELEASE:
    case COMMAND_HOLD_OPEN:
    case COMMAND_FORGIVE_ANTIPASSBACK:
    case COMMAND_PRESENT:
    case COMMAND_RESYNC: break;
    }
}

static struct command_outcome do_locally(struct controller *c, struct door_unit *unit,
                                         const struct command *command, struct now now)
{
    for (size_t i = 0; i < c->doors.n; i++)
        if (!unit || unit == &c->doors.unit[i])
            change_local(c, &c->doors.unit[i], command, now);
    return done();
}

/* --- all -------------------------------------------------------------------------------- */

/* The door that was named, if one was; false: refused. */
static bool find_unit(struct controller *c, const struct command *command, struct door_unit **unit)
{
    bool needed = command->action == COMMAND_RELEASE || command->action == COMMAND_HOLD_OPEN;
    bool meant = needed || (command->has_door && command->action != COMMAND_FORGIVE_ANTIPASSBACK &&
                            command->action != COMMAND_PRESENT);
    *unit = meant ? doors_find(&c->doors, &command->door) : NULL;
    if (!meant || !*unit)
        return !meant;
    /* Without a policy a door is known by its wiring: locking it must be possible. */
    const struct policy_store *store = &c->ports.policy;
    struct policy_facts policy;
    return store->ops->look(store->self, &command->door, &policy) != GH_OK || policy.door_known;
}

/* It may have been done, and its id be forgotten. What locks may come from before the memory
 * began: once too often does no harm. */
static bool may_be_forgotten(struct controller *c, const struct command *command, struct now now)
{
    bool locks = command->action == COMMAND_LOCK || command->action == COMMAND_LOCKDOWN;
    return command->issued_at != 0 &&
           ((wall_is_trusted(now.wall) && command_memory_is_past(command->issued_at, now)) ||
            (!locks &&
             command_memory_is_before(&c->ledger, command->issued_at, now, c->started)));
}

/* An order that would be over before it began changes nothing. */
static bool is_over(struct controller *c, const struct command *command, struct now now)
{
    bool lasts = command->action == COMMAND_HOLD_OPEN || command->action == COMMAND_LOCK;
    if (may_be_forgotten(c, command, now))
        return true;
    return wall_is_trusted(now.wall) &&
           ((command->not_after != INSTANT_NONE && now.wall.s >= command->not_after) ||
            (lasts && command->until != INSTANT_NONE && now.wall.s >= command->until));
}

static struct command_outcome carry_out(struct controller *c, const struct command *command,
                                        struct door_unit **unit, struct now now)
{
    if (needs_clock(command) && !wall_is_trusted(now.wall))
        return refuse(REASON_CLOCK_UNTRUSTED);
    if (command_memory_knows(&c->ledger, &command->id, &command->from, now))
        return (struct command_outcome){.result = COMMAND_DUPLICATE};
    if (is_over(c, command, now))
        return (struct command_outcome){.result = COMMAND_EXPIRED};
    if (!find_unit(c, command, unit))
        return refuse(REASON_DOOR_UNKNOWN);
    switch (command->action) {
    case COMMAND_RELEASE: return do_release(c, *unit, command, now);
    case COMMAND_HOLD_OPEN: return do_hold_open(c, *unit, command, now);
    case COMMAND_LOCK:
    case COMMAND_RESTORE:
    case COMMAND_LOCKDOWN:
    case COMMAND_LOCKDOWN_RELEASE: return do_locally(c, *unit, command, now);
    case COMMAND_FORGIVE_ANTIPASSBACK:
        passes_forgive(&c->passes, &command->area, &command->person);
        return done();
    case COMMAND_PRESENT: return is_within_cap(c, command, now) ? done() : refuse_over_cap();
    case COMMAND_RESYNC: return done();
    }
    return refuse(REASON_DOOR_UNKNOWN);
}

static void journal(struct controller *c, const struct command *command,
                    const struct command_outcome *outcome, struct now now)
{
    bool is_done = outcome->result == COMMAND_DONE;
    struct event event = {.kind = EVENT_COMMAND, .at = now};
    if (command->has_door)
        event.door = command->door;
    event.args.fault = outcome->fault;
    if ((outcome->result == COMMAND_REFUSED && !outcome->fault) || (is_done && command->action == COMMAND_RELEASE)) {
        event.has_decision = true;
        event.decision = is_done ? DECISION_GRANTED : DECISION_DENIED;
        event.reason = outcome->reason;
    }
    event.args.action = command_action_name(command->action);
    event.args.result = command_result_name(outcome->result);
    event.args.until = command->until == INSTANT_NONE ? 0 : command->until;
    event.args.person = command->person;
    event.args.area = command->area;
    event.args.id = command->id;
    snprintf(event.by, sizeof event.by, "%s", command->by ? command->by : "");
    controller_record(c, &event, NULL, false);
}

struct command_outcome controller_command(struct controller *c, const struct command *command,
                                          struct now now)
{
    struct door_unit *unit = NULL;
    struct command_outcome outcome = carry_out(c, command, &unit, now);
    if (outcome.result != COMMAND_DUPLICATE)
        command_memory_add(&c->ledger, &command->id, &command->from, command->issued_at, now);
    journal(c, command, &outcome, now);
    if (outcome.result != COMMAND_DONE)
        return outcome;
    if (command->action == COMMAND_PRESENT)
        controller_present(c, &command->read, now);
    else if (command->action == COMMAND_RELEASE)
        controller_release_once_safe(
            c, unit, &(struct door_grant){outcome.release_s, FLOORS_ALL, false}, NULL, false, now);
    else
        for (size_t i = 0; i < c->doors.n; i++)
            if (!unit || unit == &c->doors.unit[i])
                controller_look_at_mode(c, &c->doors.unit[i], now);
    ledger_flush(&c->ledger);
    return outcome;
}
