/* Doors: their modes, what their machines say, and the levels of their relays. */
#include <stdio.h>

#include "app/gatehoused/controller_parts.h"
#include "app/log.h"

/* --- a moment ---------------------------------------------------------------------- */

void controller_focus(struct controller *c, struct lens *lens, const struct policy_facts *policy,
                      struct wall now)
{
    const char *site_tz = policy->site.tz;
    const char *tz = policy->door_known && policy->door->door.tz[0] ? policy->door->door.tz : site_tz;
    zones_view(&c->zones, &lens->site_zone, site_tz, now.s);
    if (strcmp(tz, site_tz) == 0)
        lens->zone = lens->site_zone;
    else
        zones_view(&c->zones, &lens->zone, tz, now.s);
    lens->now = (struct moment){.wall = now, .zone = &lens->zone, .site_zone = &lens->site_zone};
}

bool controller_fire_releases(const struct controller *c, const struct door_unit *unit)
{
    return (c->is_fire || unit->is_fire) && !unit->is_fire_ignored;
}

/* It will be released as soon as its event is safe. */
static bool is_deferred(const struct controller *c, const struct door_unit *unit)
{
    for (size_t i = 0; i < c->n_deferred; i++)
        if (id_equal(&c->deferred[i].door, &unit->config->id))
            return true;
    return false;
}

static bool is_interlocked(const struct controller *c, const struct door_facts *door)
{
    for (size_t i = 0; i < door->n_interlocked; i++) {
        const struct door_unit *other = doors_find(&c->doors, &door->interlocked[i]);
        if (other && (other->door.is_open || door_is_released(&other->door) || is_deferred(c, other)))
            return true;
    }
    return false;
}

bool controller_is_interlocked(struct controller *c, const struct door_unit *unit)
{
    const struct policy_store *store = &c->ports.policy;
    struct policy_facts facts;
    return store->ops->look(store->self, &unit->config->id, &facts) == GH_OK && facts.door_known &&
           is_interlocked(c, facts.door);
}

void controller_situation(struct controller *c, const struct door_unit *unit,
                          const struct door_facts *door, struct latch *latch,
                          struct door_situation *out)
{
    const struct journal *j = &c->ports.journal;
    *out = (struct door_situation){
        .is_fire = c->is_fire, .local.restored_at = INSTANT_NONE, .latches = latch};
    if (!unit)
        return; /* a door of the policy that is not ours: nothing is known of it */
    uint64_t safe = j->ops->is_failing(j->self) ? UINT64_MAX : j->ops->durable(j->self);
    out->is_fire = c->is_fire || unit->is_fire;
    out->local = unit->local;
    out->is_interlocked = is_interlocked(c, door);
    out->is_controller_online = unit->online;
    for (size_t i = 0; i < unit->n_latches; i++) {
        /* What opens must be safe before it does; what locks need not be. */
        if (unit->latch[i].kind == LATCH_ENDED || unit->latch_seq[i] <= safe)
            latch[out->n_latches++] = unit->latch[i];
    }
}

/* --- what a machine brings ------------------------------------------------------------ */

/* A pass that was to count once the door opens. */
static void commit_passes(struct controller *c, struct door_unit *unit, struct now now)
{
    for (size_t i = 0; i < unit->n_commits; i++) {
        const struct door_commit *commit = &unit->commit[i];
        struct policy_facts facts;
        struct policy_query query = {.reader = &commit->reader};
        if (c->ports.policy.ops->ask(c->ports.policy.self, &query, &facts) != GH_OK)
            continue;
        for (size_t a = 0; facts.reader_known && a < facts.reader.n_areas; a++) {
            const struct area_facts *area = &facts.reader.areas[a];
            if (area_is_kept(area))
                passes_record(&c->passes, &area->id, &commit->person,
                              area->is_entry ? SIDE_IN : SIDE_OUT, now.wall.s);
        }
    }
    unit->n_commits = 0;
}

static bool event_of(enum door_event what, struct event *event)
{
    struct event_args *args = &event->args;
    switch (what) {
    case DOOR_TAKEN: event->kind = EVENT_ACCESS_TAKEN; return true;
    case DOOR_NOT_TAKEN: event->kind = EVENT_ACCESS_NOT_TAKEN; return true;
    case DOOR_OPENED: event->kind = EVENT_DOOR_OPENED; return true;
    case DOOR_CLOSED: event->kind = EVENT_DOOR_CLOSED; return true;
    case DOOR_FORCED: event->kind = EVENT_DOOR_FORCED; return true;
    case DOOR_HELD_OPEN: event->kind = EVENT_DOOR_HELD_OPEN; return true;
    case DOOR_HELD_CLEARED: event->kind = EVENT_DOOR_HELD_CLEARED; return true;
    case DOOR_REQUEST_TO_EXIT: event->kind = EVENT_REQUEST_TO_EXIT; return true;
    case DOOR_REX_STUCK:
        event->kind = EVENT_REQUEST_TO_EXIT;
        args->fault = "the input has been active for five minutes";
        return true;
    case DOOR_TAMPER_ON:
    case DOOR_TAMPER_OFF:
        event->kind = EVENT_TAMPER;
        args->has_on = true;
        args->on = what == DOOR_TAMPER_ON;
        return true;
    case DOOR_PRE_ALARM: break;
    }
    return false;
}

static void record_outcome(struct controller *c, struct door_unit *unit,
                           const struct door_outcome *outcome, struct now now)
{
    for (size_t i = 0; i < outcome->n; i++) {
        struct event event = {.at = now, .door = unit->config->id};
        if (outcome->event[i] == DOOR_OPENED)
            commit_passes(c, unit, now);
        if (outcome->event[i] == DOOR_PRE_ALARM)
            controller_warn(c, unit);
        if (event_of(outcome->event[i], &event))
            controller_record(c, &event, NULL, false);
    }
    if (!unit->door.is_releasing && unit->door.mode != MODE_UNLOCKED && !is_deferred(c, unit))
        unit->n_commits = 0; /* nobody is awaited any more */
    if (!unit->door.is_releasing)
        doors_end_floors(unit);
    controller_state_changed(c, unit, now);
}

/* --- relays -------------------------------------------------------------------------- */

/* A relay that was at fault has to be right for so long before that is over. */
#define RELAY_REST_MS 5000

static void record_fault(struct controller *c, struct door_unit *unit, const char *fault,
                         struct now now)
{
    struct event event = {.kind = EVENT_RELAY_FAULT, .at = now, .door = unit->config->id};
    event.args.fault = fault ? fault : unit->fault;
    event.args.has_on = true;
    event.args.on = fault != NULL;
    log_line(fault ? LOG_ERR : LOG_NOTICE, "door %s: %s%s", unit->config->id.s, event.args.fault,
             fault ? "" : ": over");
    unit->fault = fault;
    controller_record(c, &event, NULL, false);
    controller_state_changed(c, unit, now);
}

void controller_reconcile(struct controller *c, struct door_unit *unit, struct now now)
{
    const char *fault = doors_reconcile(&c->doors, unit);
    bool was_mending = unit->is_mending;
    unit->is_mending = !fault && unit->fault;
    if (unit->is_mending && !was_mending)
        unit->right_since = now.mono;
    /* A loose cable is one fault, not one a second. */
    if (unit->is_mending && now.mono.ms - unit->right_since.ms >= RELAY_REST_MS)
        unit->is_mending = false;
    else if (unit->is_mending)
        fault = unit->fault;
    if (!fault != !unit->fault)
        record_fault(c, unit, fault, now);
    if (unit->online || !unit->door.is_releasing)
        return;
    /* What did not open now does not open when the board is back. */
    struct door_outcome outcome = {0};
    door_end_release(&unit->door, &unit->rules, now.mono, &outcome);
    record_outcome(c, unit, &outcome, now);
}

void controller_take_outcome(struct controller *c, struct door_unit *unit,
                             const struct door_outcome *outcome, struct now now)
{
    record_outcome(c, unit, outcome, now);
    controller_reconcile(c, unit, now);
}

/* --- modes ------------------------------------------------------------------------------ */

/* What ends a running release ends one that waits for the disk, too, also if it is over by
 * then. */
static void forget_deferred(struct controller *c, const struct door_unit *unit)
{
    for (size_t i = 0; i < c->n_deferred; i++)
        if (id_equal(&c->deferred[i].door, &unit->config->id))
            c->deferred[i].grant = (struct door_grant){0};
}

static struct door_rules rules_of(const struct policy_door *door)
{
    return (struct door_rules){
        .relock = door->relock,
        .held_open_s = door->held_open_s,
        .pre_alarm_s = door->pre_alarm_s,
        .rex = door->rex,
        .rex_in_lockdown = door->rex_in_lockdown,
        .rex_release_s = door->release_s,
    };
}

static void set_mode(struct controller *c, struct door_unit *unit, enum door_mode mode,
                     struct now now)
{
    struct door_outcome outcome = {0};
    if (mode != unit->noted) {
        struct ledger_key key = ledger_key('m', &unit->config->id, NULL);
        struct event event = {.kind = EVENT_DOOR_MODE, .at = now, .door = unit->config->id};
        event.args.mode = door_mode_name(mode);
        (void)ledger_put(&c->ledger, &key, slice_of(event.args.mode));
        unit->noted = mode;
        controller_record(c, &event, NULL, false);
    }
    controller_state_changed(c, unit, now);
    if (mode == unit->door.mode)
        return;
    if (door_mode_ends_releases(mode))
        forget_deferred(c, unit);
    door_set_mode(&unit->door, mode, &unit->rules, now.mono, &outcome);
    controller_take_outcome(c, unit, &outcome, now);
}

static void drop_dead_latches(struct controller *c, struct door_unit *unit,
                              const struct policy_facts *policy, const struct moment *now)
{
    for (size_t i = unit->n_latches; i > 0; i--)
        if (!mode_latch_counts(policy->door, &unit->latch[i - 1], policy->holidays, *now))
            doors_drop_latch(unit, &c->ledger, i - 1);
}

/* The policy cannot be asked. What it said last holds until it would have changed,
 * or something happens; then the door is locked: nobody knows what should keep it
 * open. */
static void look_without_policy(struct controller *c, struct door_unit *unit, bool must,
                                struct now now)
{
    bool holds = unit->is_looked && now.wall.s >= unit->looked_at && now.wall.s < unit->look_next;
    if (holds && !must)
        return;
    enum door_mode mode = unit->local.is_lockdown ? MODE_LOCKED_DOWN : MODE_LOCKED;
    unit->generation = 0;
    set_mode(c, unit, controller_fire_releases(c, unit) ? MODE_UNLOCKED : mode, now);
}

static void learn_fire_rule(struct controller *c, struct door_unit *unit, bool is_ignored)
{
    if (unit->is_fire_ignored == is_ignored)
        return;
    unit->is_fire_ignored = is_ignored;
    c->are_fire_rules_new = true;
}

/* Brings a door to the mode that the policy wants now. */
static void take_mode(struct controller *c, struct door_unit *unit,
                      const struct policy_facts *facts, struct now now)
{
    struct latch latch[MODE_ROWS_MAX];
    struct door_situation situation;
    struct lens lens;
    c->version = facts->version;
    unit->is_looked = true;
    unit->generation = facts->generation;
    unit->trust = now.wall.trust;
    unit->looked_at = now.wall.s;
    unit->look_next = INT64_MAX;
    if (!facts->door_known) {
        while (unit->n_latches > 0)
            doors_drop_latch(unit, &c->ledger, unit->n_latches - 1);
        /* People are behind it all the same. */
        set_mode(c, unit, controller_fire_releases(c, unit) ? MODE_UNLOCKED : MODE_LOCKED, now);
        return;
    }
    controller_focus(c, &lens, facts, now.wall);
    unit->rules = rules_of(&facts->door->door);
    learn_fire_rule(c, unit, !facts->door->door.fire_release);
    drop_dead_latches(c, unit, facts, &lens.now);
    controller_situation(c, unit, facts->door, latch, &situation);
    unit->look_next = mode_next_change(facts->door, &situation, lens.now);
    set_mode(c, unit, mode_look(facts->door, &situation, facts->holidays, lens.now).mode, now);
}

static void look(struct controller *c, struct door_unit *unit, bool must, struct now now)
{
    const struct policy_store *store = &c->ports.policy;
    struct policy_facts facts;
    enum gh_err err = store->ops->look(store->self, &unit->config->id, &facts);
    c->stats.damaged += err == GH_CORRUPT;
    if (err == GH_OK)
        take_mode(c, unit, &facts, now);
    else
        look_without_policy(c, unit, must, now);
}

void controller_look_at_mode(struct controller *c, struct door_unit *unit, struct now now)
{
    look(c, unit, true, now);
}

/* The mode may be another one since it was looked at; generation: of the policy now. */
static bool is_due(const struct door_unit *unit, uint64_t generation, struct now now)
{
    return !unit->is_looked || unit->trust != now.wall.trust || now.wall.s < unit->looked_at ||
           now.wall.s >= unit->look_next || unit->generation != generation;
}

/* --- releases -------------------------------------------------------------------------- */

void controller_release(struct controller *c, struct door_unit *unit,
                        const struct door_grant *grant, struct now now)
{
    struct door_outcome outcome = {0};
    if (grant->release_s > 0) {
        doors_free_floors(unit, grant->floors,
                          mono_add_ms(now.mono, (int64_t)grant->release_s * 1000));
        door_release(&unit->door, grant->release_s, &unit->rules, now.mono, &outcome);
    }
    if (grant->uses_operator && config_has_line(&unit->config->opener))
        door_open_by_operator(&unit->door, unit->config->opener_ms, now.mono);
    controller_take_outcome(c, unit, &outcome, now);
}

static bool is_safe(const struct controller *c, uint64_t seq)
{
    const struct journal *j = &c->ports.journal;
    return j->ops->durable(j->self) >= seq || j->ops->is_failing(j->self);
}

void controller_release_once_safe(struct controller *c, struct door_unit *unit,
                                  const struct door_grant *grant, const struct policy_facts *policy,
                                  bool must_be_durable, struct now now)
{
    uint64_t seq = c->ports.journal.ops->next_seq(c->ports.journal.self) - 1;
    if (must_be_durable && c->n_deferred < CONTROLLER_DEFERRED && !is_safe(c, seq)) {
        c->deferred[c->n_deferred++] =
            (struct controller_deferred){seq, unit->config->id, unit->door.mode, *grant};
        return;
    }
    if (policy && policy->is_available && policy->door_known)
        take_mode(c, unit, policy, now);
    else
        controller_look_at_mode(c, unit, now);
    controller_release(c, unit, grant, now);
}

void controller_release_deferred(struct controller *c, struct now now)
{
    size_t n = 0;
    while (n < c->n_deferred && is_safe(c, c->deferred[n].seq)) {
        const struct controller_deferred *d = &c->deferred[n++];
        struct door_unit *unit = doors_find(&c->doors, &d->door);
        if (!unit)
            continue;
        controller_look_at_mode(c, unit, now);
        /* What ends releases, and came in the meantime, has ended this one too. */
        bool ended = unit->door.mode != d->mode && door_mode_ends_releases(unit->door.mode);
        if (!ended)
            controller_release(c, unit, &d->grant, now);
    }
    c->n_deferred -= n;
    memmove(c->deferred, c->deferred + n, c->n_deferred * sizeof c->deferred[0]);
}

/* --- time ------------------------------------------------------------------------------- */

int64_t controller_mode_deadline(const struct controller *c)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < c->doors.n; i++)
        if (c->doors.unit[i].look_next < next)
            next = c->doors.unit[i].look_next;
    return next;
}

void controller_pass_doors(struct controller *c, bool all, struct now now)
{
    const struct policy_store *store = &c->ports.policy;
    uint64_t generation = all ? store->ops->generation(store->self) : 0;
    for (size_t i = 0; i < c->doors.n; i++) {
        struct door_unit *unit = &c->doors.unit[i];
        struct door_outcome outcome = {0};
        struct mono at;
        bool must = doors_pass_floors(unit, now.mono) || all;
        if (door_deadline(&unit->door, &at) && now.mono.ms >= at.ms) {
            door_tick(&unit->door, &unit->rules, now.mono, &outcome);
            controller_take_outcome(c, unit, &outcome, now);
        } else if (must) {
            controller_reconcile(c, unit, now);
        }
        if (all && is_due(unit, generation, now))
            look(c, unit, false, now);
    }
}
