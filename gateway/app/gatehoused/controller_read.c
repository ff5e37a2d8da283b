/* The road of a read, from the bus to the relay, downwards. */
#include <stdio.h>

#include "adapters/json/read_json.h"
#include "app/gatehoused/controller_parts.h"

/* How long a read is remembered (decision contract, freshness). */
#define REPEAT_KEPT_MS (10 * 60 * 1000)

/* --- seen before? -------------------------------------------------------------------- */

/* Completes what a release had left when we were killed before answering. */
static void resume_release(struct controller *c, const struct repeat *first, struct now now)
{
    bool ours = first->at.ms >= c->started.mono.ms && first->this_boot;
    if (ours || first->answered || !first->this_boot || first->release_ms == 0)
        return;
    struct door_unit *unit = doors_find(&c->doors, &first->door);
    struct door_outcome outcome = {0};
    if (!unit)
        return;
    controller_look_at_mode(c, unit, now);
    if (door_mode_ends_releases(unit->door.mode))
        return; /* it would have ended that release */
    door_release_until(&unit->door, mono_add_ms(first->at, first->release_ms), &unit->rules,
                       now.mono, &outcome);
    controller_take_outcome(c, unit, &outcome, now);
}

static bool is_forgotten(const struct repeat *first, struct now now)
{
    return first->this_boot && now.mono.ms - first->at.ms >= REPEAT_KEPT_MS;
}

static void say_last(struct controller *c, const struct id *door, enum decision decision,
                     enum reason reason, int64_t release_ms)
{
    c->last = (struct controller_last){
        .is_set = true,
        .door = *door,
        .verdict = {.decision = decision, .reason = reason, .release_s = (int)(release_ms / 1000)},
    };
}

/* A read that waits for its second factor, or did until a moment ago. */
static bool answer_waiting(struct controller *c, const struct read *read, struct now now)
{
    struct wait w;
    if (!waits_find_read(&c->waits, &read->reader, &read->read_id, &w) ||
        (w.is_over && now.mono.ms - w.ends.ms >= REPEAT_KEPT_MS))
        return false;
    enum decision decision = w.is_over ? w.decision : DECISION_PENDING;
    c->stats.repeated++;
    say_last(c, &(struct id){""}, decision, w.reason, 0);
    controller_answer(c, &read->reader, &read->read_id, decision, w.reason);
    return true;
}

/* True if this read was decided before: it is answered from then, and acts once. */
static bool answer_repeat(struct controller *c, const struct read *read, bool retained,
                          struct now now)
{
    const struct journal *j = &c->ports.journal;
    struct repeat first;
    if (id_is_none(&read->read_id))
        return false;
    /* If the journal cannot be asked, the read is taken as new: a door that
     * opens twice for one card is better than one that never does. */
    if (j->ops->repeat_find(j->self, &read->reader, &read->read_id, &first) != GH_OK ||
        is_forgotten(&first, now))
        return answer_waiting(c, read, now);
    c->stats.repeated++;
    say_last(c, &first.door, first.decision, first.reason, first.release_ms);
    if (outbox_has(&c->outbox, &read->reader, &read->read_id))
        return true; /* its answer is on the way */
    if (!retained)
        resume_release(c, &first, now);
    if (j->ops->durable(j->self) < c->unkept_seq)
        return true; /* it may not be durable yet: the reader asks again */
    controller_answer(c, &read->reader, &read->read_id, first.decision, first.reason);
    return true;
}

/* --- facts ------------------------------------------------------------------------------ */

/* The PIN whose last digit is one less: the one that somebody under duress means. */
static struct credential_value less_one(const struct credential_value *pin)
{
    struct credential_value less = *pin;
    char *last = &less.text[less.len - 1];
    *last = *last == '0' ? '9' : (char)(*last - 1);
    return less;
}

/* Hashes of a PIN and of the one that it may stand for. */
static void hash_pin(struct controller *c, const struct credential_value *pin,
                     unsigned char hash[SHA256_LEN], unsigned char duress[SHA256_LEN])
{
    struct credential_value less = less_one(pin);
    crypto_value_hash_ready(hash, &c->value_key, CREDENTIAL_PIN, pin);
    crypto_value_hash_ready(duress, &c->value_key, CREDENTIAL_PIN, &less);
    crypto_forget(&less, sizeof less);
}

/* Turns values into hashes; after it the read's values are not needed any more. */
static void hash_values(struct controller *c, const struct read *read, struct road *road)
{
    if (read->type == CREDENTIAL_PIN)
        hash_pin(c, &read->value, road->hash, road->duress_hash);
    else
        crypto_value_hash_ready(road->hash, &c->value_key, read->type, &read->value);
    if (read->has_pin)
        hash_pin(c, &read->pin, road->pin_hash, road->pin_duress_hash);
    road->type = read->type;
    road->bits = read->bits;
    road->has_value = true;
    road->request.has_pin = read->has_pin;
    road->request.location = read->location;
}

/* Whether a person counts as inside an area already, so that two who enter together
 * are not counted as one. */
static bool is_inside(const struct controller *c, const struct area_facts *area,
                      const struct id *person, const struct lens *lens)
{
    struct pass pass = passes_find(&c->passes, &area->id, person);
    return area_pass_now(area, pass, lens->now.wall, &lens->site_zone).side == SIDE_IN;
}

static void gather_holder(struct controller *c, struct road *road, const struct id *with)
{
    const struct reader_facts *reader = &road->policy.reader;
    const struct holder_facts *holder = &road->policy.holder;
    const struct id *person = &holder->credential.person;
    for (size_t i = 0; i < reader->n_areas && i < ROAD_AREAS_MAX; i++) {
        const struct area_facts *area = &reader->areas[i];
        struct area_situation *out = &road->areas[i];
        *out = (struct area_situation){.pass = passes_find(&c->passes, &area->id, person)};
        if (!area->is_entry || area->max_occupancy == OCCUPANCY_UNLIMITED)
            continue;
        int64_t lapsed = area_lapsed_up_to(area, road->lens.now.wall, &road->lens.site_zone);
        out->others_inside =
            passes_count(&c->passes, &area->id, person, lapsed, area->max_occupancy);
        if (with && !is_inside(c, area, with, &road->lens))
            out->others_inside++;
    }
    struct ledger_key door = ledger_key('u', &holder->credential_id, &reader->reader.door),
                      total = ledger_key('t', &holder->credential_id, NULL);
    road->holder = (struct holder_situation){
        .areas = road->areas,
        .uses_door = ledger_number(&c->ledger, &door),
        .uses_total = ledger_number(&c->ledger, &total),
    };
}

void controller_gather(struct controller *c, struct road *road, struct now now)
{
    const struct policy_store *store = &c->ports.policy;
    struct policy_query query = {
        .reader = &road->reader,
        .type = road->type,
        .bits = road->bits,
        .value_hash = road->has_value ? road->hash : NULL,
        .duress_hash = road->has_value && road->type == CREDENTIAL_PIN && !road->is_duress
                           ? road->duress_hash
                           : NULL,
        .pin_hash = road->request.has_pin ? road->pin_hash : NULL,
        .pin_duress_hash = road->request.has_pin ? road->pin_duress_hash : NULL,
    };
    enum gh_err err = store->ops->ask(store->self, &query, &road->policy);
    c->stats.damaged += err == GH_CORRUPT;
    if (err != GH_OK)
        road->policy = (struct policy_facts){.is_available = false};
    if (!road->policy.is_available)
        return;
    c->version = road->policy.version;
    if (road->is_duress)
        road->policy.holder.duress = road->policy.holder.credential_known;
    controller_focus(c, &road->lens, &road->policy, now.wall);
    if (!road->policy.reader_known)
        return;
    road->unit = doors_find(&c->doors, &road->policy.reader.reader.door);
    if (road->policy.door_known)
        controller_situation(c, road->unit, road->policy.door, road->latch, &road->door);
}

/* More areas than the road holds: their rules could not be looked at. */
static bool is_too_wide(const struct road *road)
{
    return road->policy.is_available && road->policy.reader_known &&
           road->policy.reader.n_areas > ROAD_AREAS_MAX;
}

struct verdict controller_judge(struct controller *c, struct road *road, const struct id *with,
                                struct access_trace *trace, struct now now)
{
    const struct policy_store *store = &c->ports.policy;
    if (is_too_wide(road))
        road->policy = (struct policy_facts){.is_available = false};
    if (road->policy.is_available && road->policy.reader_known)
        gather_holder(c, road, with);
    struct access_facts facts = {
        .policy = &road->policy,
        .door = &road->door,
        .holder = &road->holder,
        .now = road->lens.now,
    };
    facts.now.wall = now.wall;
    if (road->policy.is_available)
        facts.policy_age_s = store->ops->age_s(store->self, &road->policy.version, now.wall);
    road->request.type = road->type;
    road->request.is_second = with != NULL;
    return access_decide(&road->request, &facts, trace);
}

static void judge_age(struct controller *c, struct road *road, const struct read *read,
                      const struct bus_note *note, struct now now)
{
    struct freshness how = {
        .mode = config_freshness(c->config, &road->reader),
        .max_age_ms = (int64_t)road->policy.site.read_max_age_s * 1000,
        .waited_ms = now.mono.ms - note->arrived.ms,
        .session = &c->tick_session,
        .tick_now = c->tick,
        .retained = note->retained,
    };
    if (!road->request.malformed)
        road->request.stale = read_is_stale(read, &how);
}

/* --- what comes of it --------------------------------------------------------------------- */

static void count(struct controller *c, const struct verdict *v)
{
    if (v->decision == DECISION_GRANTED)
        c->stats.granted++;
    else
        c->stats.denied++;
    if (v->reason == REASON_READ_MALFORMED)
        c->stats.malformed++;
    if (v->reason == REASON_READ_STALE)
        c->stats.stale++;
}

/* Uses are kept only where they are limited: nobody else's need be. */
static void count_use(struct controller *c, const struct id *credential, const struct id *door)
{
    struct ledger_key at_door = ledger_key('u', credential, door),
                      total = ledger_key('t', credential, NULL);
    (void)ledger_put_number(&c->ledger, &at_door, ledger_number(&c->ledger, &at_door) + 1);
    (void)ledger_put_number(&c->ledger, &total, ledger_number(&c->ledger, &total) + 1);
}

/* A pass counts now, or once the door opens where the site wants that, the door can tell,
 * and not too many wait for that already. */
static void record_pass(struct controller *c, const struct road *road, const struct id *person,
                        struct now now)
{
    const struct reader_facts *reader = &road->policy.reader;
    struct door_unit *unit = road->unit;
    bool waits = road->policy.site.commit_taken && unit && unit->door.has_contact &&
                 !unit->door.is_open;
    for (size_t i = 0; i < reader->n_areas; i++) {
        const struct area_facts *area = &reader->areas[i];
        if (!area_is_kept(area))
            continue;
        if (!waits || unit->n_commits == DOOR_COMMITS_MAX)
            passes_record(&c->passes, &area->id, person, area->is_entry ? SIDE_IN : SIDE_OUT,
                          now.wall.s);
        else {
            unit->commit[unit->n_commits++] =
                (struct door_commit){.reader = road->reader, .person = *person};
            break; /* all areas of the reader are looked at then */
        }
    }
}

static void set_latches(struct controller *c, const struct road *road, enum latch_action action)
{
    const struct policy_facts *policy = &road->policy;
    struct moment now = road->lens.now;
    struct mode_view view = mode_look(policy->door, &road->door, policy->holidays, now);
    uint64_t seq = c->ports.journal.ops->next_seq(c->ports.journal.self);
    for (size_t i = 0; road->unit && i < view.n_rows; i++) {
        const struct mode_row *row = view.rows[i];
        if (action == LATCH_THEM_OPEN && row->wish != WISH_FIRST_CREDENTIAL)
            continue;
        struct latch latch = {
            .row = row->id,
            .kind = action == LATCH_THEM_OPEN ? LATCH_OPEN : LATCH_ENDED,
            .until = mode_window_end(policy->door, row, policy->holidays, now),
            .fingerprint = row->fingerprint,
        };
        doors_set_latch(road->unit, &c->ledger, &latch, seq);
    }
}

/* What the grant consumes and leaves behind, before its event, which takes it along. */
static void consume(struct controller *c, const struct road *road, const struct verdict *v,
                    const struct companion *with, struct now now)
{
    const struct holder_facts *holder = &road->policy.holder;
    const struct policy_credential *credential = &holder->credential;
    const struct id *door = &road->policy.reader.reader.door;
    if (v->counts_use && (credential->uses_per_door != USES_UNLIMITED ||
                          credential->uses_total != USES_UNLIMITED))
        count_use(c, &holder->credential_id, door);
    if (v->counts_use && with && with->has_limit)
        count_use(c, &with->credential, door);
    if (v->records_pass)
        record_pass(c, road, &credential->person, now);
    if (v->records_pass && with)
        record_pass(c, road, &with->person, now);
    if (v->latch != LATCH_NOTHING)
        set_latches(c, road, v->latch);
}

static struct event event_of(const struct road *road, const struct verdict *v, struct now now)
{
    const struct policy_facts *policy = &road->policy;
    struct event event = {
        .kind = EVENT_ACCESS,
        .at = now,
        .reader = road->reader,
        .read_id = road->read_id,
        .has_type = !road->request.malformed,
        .type = road->type,
        .has_decision = true,
        .decision = v->decision,
        .reason = v->reason,
        .via = v->via,
        .violation = v->violation,
        .duress = v->duress,
    };
    if (policy->is_available && policy->reader_known)
        event.door = policy->reader.reader.door;
    if (policy->is_available && policy->holder.credential_known) {
        event.credential = policy->holder.credential_id;
        event.person = policy->holder.credential.person;
    }
    return event;
}

/* An alarm beside the decision. */
static void raise(struct controller *c, const struct road *road, enum event_kind kind,
                  const char *why, struct now now)
{
    struct event event = event_of(road, &(struct verdict){0}, now);
    event.kind = kind;
    event.has_decision = event.has_type = event.duress = false;
    event.args.fault = why;
    controller_record(c, &event, NULL, false);
}

static void raise_alarms(struct controller *c, const struct road *road, const struct verdict *v,
                         struct now now)
{
    const struct holder_facts *holder = &road->policy.holder;
    if (road->request.malformed || !road->policy.is_available || road->request.stale)
        return;
    if (v->duress)
        raise(c, road, EVENT_DURESS, NULL, now);
    const char *why = holder->credential.disabled_reason.s;
    if (holder->credential_known && !holder->credential.enabled &&
        (strcmp(why, "lost") == 0 || strcmp(why, "stolen") == 0))
        raise(c, road, EVENT_LOST_CREDENTIAL, why, now);
}

void controller_say(struct controller *c, const struct road *road, const struct verdict *v)
{
    c->last = (struct controller_last){.is_set = true, .verdict = *v};
    if (road->policy.is_available && road->policy.reader_known)
        c->last.door = road->policy.reader.reader.door;
    for (size_t i = 0; i < v->n_floors; i++)
        c->last.floor[i] = *v->floors[i];
}

/* The event first: a kill between the two loses a release, never its record. */
void controller_settle(struct controller *c, const struct road *road, const struct verdict *v,
                       const struct companion *with, struct now now)
{
    struct event event = event_of(road, v, now);
    struct repeat repeat = {
        .reader = road->reader,
        .read_id = road->read_id,
        .door = event.door,
        .decision = v->decision,
        .reason = v->reason,
        .at = now.mono,
        .release_ms = (int64_t)v->release_s * 1000,
    };
    controller_say(c, road, v);
    count(c, v);
    bool is_pin_failure = v->reason == REASON_PIN_WRONG ||
                          (road->type == CREDENTIAL_PIN && v->reason == REASON_CREDENTIAL_UNKNOWN);
    if (is_pin_failure)
        lockouts_fail(&c->lockouts, &road->reader, &road->policy.site.pin_lockout, now.mono);
    if (with)
        event.with = with->person;
    if (v->decision == DECISION_GRANTED)
        consume(c, road, v, with, now);
    bool consumes = ledger_waiting(&c->ledger).len > 0;
    controller_record(c, &event, id_is_none(&repeat.read_id) ? NULL : &repeat, true);
    raise_alarms(c, road, v, now);
    if (v->decision == DECISION_GRANTED && road->unit) {
        struct door_grant grant = {
            .release_s = v->release_s,
            .floors = doors_floors(road->unit, v->floors, v->n_floors),
            .uses_operator = road->policy.holder.person.extended_release ||
                             (with && with->is_extended),
        };
        controller_release_once_safe(c, road->unit, &grant, &road->policy, consumes, now);
    }
}

/* --- the road ------------------------------------------------------------------------------ */

/* What is retained would come back at every start: nobody may act on it, and it must go from
 * the broker. */
void controller_refuse_retained(struct controller *c, const struct bus_note *note,
                                const struct id *reader, const struct id *panel, struct now now)
{
    c->stats.retained++;
    struct event event = {.kind = EVENT_RETAINED_REFUSED, .at = now};
    if (reader)
        event.reader = *reader;
    if (panel)
        snprintf(event.by, sizeof event.by, "panel:%s", panel->s);
    controller_record(c, &event, NULL, false);
    /* If it cannot be cleared now, it is refused again when it comes again. */
    enum gh_err err = c->ports.bus.ops->publish(
        c->ports.bus.self, slice_make(note->topic, note->topic_len), (struct slice){0}, 1, true);
    (void)err;
}

/* Denied by check 0: nothing of it can be a second factor of anything. */
static bool is_unreadable(enum reason reason)
{
    switch ((int)reason) {
    case REASON_READ_MALFORMED:
    case REASON_POLICY_UNAVAILABLE:
    case REASON_READER_UNKNOWN:
    case REASON_READ_STALE:
    case REASON_CREDENTIAL_TYPE_NOT_ACCEPTED:
    case REASON_PIN_LOCKED_OUT: return true;
    default: return false;
    }
}

/* From the facts on. */
static void decide(struct controller *c, struct road *road, struct now now)
{
    road->request.pin_locked = lockouts_is_locked(&c->lockouts, &road->reader, now.mono);
    struct verdict v = controller_judge(c, road, NULL, NULL, now);
    struct wait *waiting = waits_find(&c->waits, &road->reader);
    if (waiting && now.mono.ms >= waiting->ends.ms) {
        controller_pass_waits(c, now); /* the timer is a moment late */
        controller_gather(c, road, now);
        v = controller_judge(c, road, NULL, NULL, now);
        waiting = NULL;
    }
    bool completes = waiting && waiting->reason == REASON_PIN_REQUIRED &&
                     road->type == CREDENTIAL_PIN && !is_unreadable(v.reason);
    if (completes)
        controller_complete_with_pin(c, waiting, road, now);
    else if (v.decision == DECISION_PENDING)
        controller_wait(c, waiting, road, &v, now);
    else
        controller_settle(c, road, &v, NULL, now);
}

void controller_read(struct controller *c, const struct bus_note *note, const struct id *reader,
                     struct now now)
{
    if (note->retained && note->payload_len == 0 && !note->oversize)
        return; /* our own clearing of a retained read */
    limits_missed(&c->limits, reader, note->missed, now.mono);
    c->stats.flooded += note->missed;
    if (!limits_allow(&c->limits, reader, now.mono)) {
        c->stats.flooded++;
        return;
    }
    struct read read;
    struct road road = {.reader = *reader};
    struct slice payload = slice_make(note->payload, note->payload_len);
    road.request.malformed = read_json_parse(&read, reader, payload) != GH_OK || note->oversize;
    if (note->oversize)
        read = (struct read){.reader = *reader};
    if (note->retained)
        controller_refuse_retained(c, note, reader, NULL, now);
    if (answer_repeat(c, &read, note->retained, now))
        return;
    road.read_id = read.read_id;
    if (!road.request.malformed)
        hash_values(c, &read, &road);
    controller_gather(c, &road, now);
    judge_age(c, &road, &read, note, now);
    decide(c, &road, now);
    ledger_flush(&c->ledger);
    recorder_catch_up(&c->recorder); /* the relay has its level by now */
    crypto_forget(&read, sizeof read);
}

void controller_present(struct controller *c, const struct read *read, struct now now)
{
    struct road road = {.reader = read->reader, .read_id = read->read_id};
    if (answer_repeat(c, read, false, now))
        return;
    hash_values(c, read, &road);
    controller_gather(c, &road, now);
    decide(c, &road, now);
    ledger_flush(&c->ledger);
}

bool controller_explain(struct controller *c, const struct read *read, struct now now,
                        struct controller_explained *out)
{
    struct road road = {.reader = read->reader};
    hash_values(c, read, &road);
    controller_gather(c, &road, now);
    road.request.pin_locked = lockouts_is_locked(&c->lockouts, &road.reader, now.mono);
    *out = (struct controller_explained){.version = road.policy.version};
    out->verdict = controller_judge(c, &road, NULL, &out->trace, now);
    if (!road.policy.is_available)
        return false;
    out->reader_known = road.policy.reader_known;
    out->has_door = road.policy.reader_known && road.policy.door_known;
    if (out->reader_known)
        out->door = road.policy.reader.reader.door;
    out->is_holder_known = road.policy.holder.credential_known;
    if (out->is_holder_known) {
        out->credential = road.policy.holder.credential_id;
        out->person = road.policy.holder.credential.person;
    }
    out->verdict.n_floors = 0;
    return true;
}

/* The id between a prefix and a suffix of a topic; false if it does not stand there. */
static bool named_by(const struct bus_note *note, const char *prefix, const char *suffix,
                     struct id *out)
{
    const size_t before = strlen(prefix), after = strlen(suffix), len = note->topic_len;
    return len > before + after && memcmp(note->topic, prefix, before) == 0 &&
           memcmp(note->topic + len - after, suffix, after) == 0 &&
           id_set(out, slice_make(note->topic + before, len - before - after)) == GH_OK;
}

static void on_link(struct controller *c, bool is_up, struct now now)
{
    c->bus_up = is_up;
    c->next_status = now.mono;
    /* The broker may be another one, or have forgotten what it retained. */
    for (size_t i = 0; is_up && i < c->doors.n; i++) {
        c->doors.unit[i].is_published = false;
        controller_state_changed(c, &c->doors.unit[i], now);
    }
}

void controller_on_bus(struct controller *c, const struct bus_note *note, struct now now)
{
    struct id id;
    switch (note->kind) {
    case BUS_SENT: controller_answered(c, note->tag); return;
    case BUS_UP:
    case BUS_DOWN: on_link(c, note->kind == BUS_UP, now); return;
    case BUS_MESSAGE: break;
    }
    if (named_by(note, "gatehouse/v1/readers/", "/read", &id))
        controller_read(c, note, &id, now);
    else if (named_by(note, "gatehouse/v1/panels/", "/command", &id))
        controller_panel(c, note, &id, now);
    else
        c->stats.malformed++; /* nobody can be named, so nobody can be answered */
}
