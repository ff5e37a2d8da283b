/* The road of a read, from the bus to the relay, downwards. */
#include <stdio.h>

#include "adapters/json/read_json.h"
#include "app/gatehoused/controller_parts.h"

/* How long a read is remembered (decision contract, freshness). */
#define REPEAT_KEPT_MS (10 * 60 * 1000)

/* One read on its way. */
struct road {
    struct read read;
    struct access_request request;
    struct access_facts facts;
    struct verdict verdict;
    struct door_unit *unit; /* NULL = not a door of ours, or unknown */
};

static void parse(struct road *road, const struct bus_note *note, const struct id *reader)
{
    struct slice payload = slice_make(note->payload, note->payload_len);
    road->request.malformed = read_json_parse(&road->read, reader, payload) != GH_OK;
    if (note->oversize) {
        road->read = (struct read){.reader = *reader};
        road->request.malformed = true;
    }
    road->request.type = road->read.type;
}

/* Completes what a release had left when we were killed before answering. */
static void resume_release(struct controller *c, const struct repeat *first, struct now now)
{
    bool ours = first->at.ms >= c->started.mono.ms && first->this_boot;
    if (ours || first->answered || !first->this_boot || first->release_ms == 0)
        return;
    struct door_unit *unit = doors_find(&c->doors, &first->door);
    if (!unit)
        return;
    door_release_until(&unit->door, mono_add_ms(first->at, first->release_ms), now.mono);
    controller_reconcile(c, unit, now);
}

static bool is_forgotten(const struct repeat *first, struct now now)
{
    return first->this_boot && now.mono.ms - first->at.ms >= REPEAT_KEPT_MS;
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
        return false;
    c->stats.repeated++;
    c->last = (struct controller_last){
        .is_set = true,
        .door = first.door,
        .verdict = {.decision = first.decision,
                    .reason = first.reason,
                    .release_s = (int)(first.release_ms / 1000)},
    };
    if (outbox_has(&c->outbox, &read->reader, &read->read_id))
        return true; /* its answer is on the way */
    if (!retained)
        resume_release(c, &first, now);
    if (j->ops->durable(j->self) < c->unkept_seq)
        return true; /* it may not be durable yet: the reader asks again */
    controller_answer(c, &read->reader, &read->read_id, first.decision, first.reason);
    return true;
}

static void gather(struct controller *c, struct road *road, struct now now)
{
    unsigned char hash[SHA256_LEN];
    struct policy_query query = {
        .reader = &road->read.reader,
        .type = road->read.type,
        .bits = road->read.bits,
    };
    if (!road->request.malformed) {
        crypto_value_hash(hash, c->keys, road->read.type, &road->read.value);
        query.value_hash = hash;
    }
    struct access_facts *facts = &road->facts;
    if (c->ports.policy.ops->facts(c->ports.policy.self, &query, facts) != GH_OK)
        *facts = (struct access_facts){.policy_available = false};
    if (!facts->policy_available)
        return;
    c->version = facts->version;
    facts->policy_age_s =
        c->ports.policy.ops->age_s(c->ports.policy.self, &facts->version, now.wall);
    if (!facts->reader_known)
        return;
    const char *tz = facts->door.tz[0] ? facts->door.tz : facts->site.tz;
    zones_view(&c->zones, &facts->zone, tz, now.wall.s);
    road->unit = doors_find(&c->doors, &facts->door_id);
    facts->controller_online = road->unit && road->unit->online;
}

static void judge_age(struct controller *c, struct road *road, const struct bus_note *note,
                      struct now now)
{
    struct freshness how = {
        .mode = config_freshness(c->config, &road->read.reader),
        .max_age_ms = (int64_t)road->facts.site.read_max_age_s * 1000,
        .waited_ms = now.mono.ms - note->arrived.ms,
        .session = &c->tick_session,
        .tick_now = c->tick,
        .retained = note->retained,
    };
    if (!road->request.malformed)
        road->request.stale = read_is_stale(&road->read, &how);
}

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

static void journal(struct controller *c, const struct road *road, struct now now)
{
    const struct access_facts *facts = &road->facts;
    const struct verdict *v = &road->verdict;
    struct event event = {
        .kind = EVENT_ACCESS,
        .at = now,
        .reader = road->read.reader,
        .read_id = road->read.read_id,
        .has_type = !road->request.malformed,
        .type = road->read.type,
        .has_decision = true,
        .decision = v->decision,
        .reason = v->reason,
        .via = v->via,
    };
    if (facts->reader_known)
        event.door = facts->door_id;
    if (facts->credential_known) {
        event.credential = facts->credential_id;
        event.person = facts->credential.person;
    }
    struct repeat repeat = {
        .reader = road->read.reader,
        .read_id = road->read.read_id,
        .door = event.door,
        .decision = v->decision,
        .reason = v->reason,
        .at = now.mono,
        .release_ms = (int64_t)v->release_s * 1000,
    };
    controller_record(c, &event, id_is_none(&repeat.read_id) ? NULL : &repeat, true);
}

static void raise_lost_credential(struct controller *c, const struct road *road, struct now now)
{
    const struct access_facts *facts = &road->facts;
    const char *why = facts->credential.disabled_reason.s;
    if (road->request.stale || !facts->credential_known || facts->credential.enabled ||
        (strcmp(why, "lost") != 0 && strcmp(why, "stolen") != 0))
        return;
    struct event event = {
        .kind = EVENT_LOST_CREDENTIAL,
        .at = now,
        .reader = road->read.reader,
        .door = facts->door_id,
        .credential = facts->credential_id,
        .person = facts->credential.person,
        .read_id = road->read.read_id,
        .args.fault = why,
    };
    controller_record(c, &event, NULL, false);
}

/* A retained read would come back at every start: nobody may act on it, and it
 * must go from the broker. */
static void refuse_retained(struct controller *c, const struct bus_note *note,
                            const struct id *reader, struct now now)
{
    c->stats.retained++;
    struct event event = {.kind = EVENT_RETAINED_REFUSED, .at = now, .reader = *reader};
    controller_record(c, &event, NULL, false);
    /* If it cannot be cleared now, it is refused again when it comes again. */
    enum gh_err err = c->ports.bus.ops->publish(
        c->ports.bus.self, slice_make(note->topic, note->topic_len), (struct slice){0}, 1, true);
    (void)err;
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
    struct road road = {0};
    parse(&road, note, reader);
    if (note->retained)
        refuse_retained(c, note, reader, now);
    if (answer_repeat(c, &road.read, note->retained, now))
        return;
    gather(c, &road, now);
    judge_age(c, &road, note, now);
    road.request.pin_locked = lockouts_is_locked(&c->lockouts, reader, now.mono);
    road.verdict = access_decide(&road.request, &road.facts, now.wall);
    c->last = (struct controller_last){.is_set = true, .verdict = road.verdict};
    if (road.facts.reader_known)
        c->last.door = road.facts.door_id;
    if (road.request.type == CREDENTIAL_PIN && road.verdict.reason == REASON_CREDENTIAL_UNKNOWN)
        lockouts_fail(&c->lockouts, reader, &road.facts.site.pin_lockout, now.mono);
    count(c, &road.verdict);
    /* The event first: a kill between the two loses a release, never its record. */
    journal(c, &road, now);
    if (road.verdict.decision == DECISION_GRANTED) {
        door_release(&road.unit->door, road.verdict.release_s, now.mono);
        controller_reconcile(c, road.unit, now);
    }
    raise_lost_credential(c, &road, now);
}

void controller_on_bus(struct controller *c, const struct bus_note *note, struct now now)
{
    static const char prefix[] = "gatehouse/v1/readers/", suffix[] = "/read";
    const size_t before = sizeof prefix - 1, after = sizeof suffix - 1;
    if (note->kind == BUS_SENT) {
        controller_answered(c, note->tag);
        return;
    }
    if (note->kind != BUS_MESSAGE) {
        c->bus_up = note->kind == BUS_UP;
        c->next_status = now.mono;
        return;
    }
    struct id reader;
    size_t len = note->topic_len;
    if (len <= before + after || memcmp(note->topic, prefix, before) != 0 ||
        memcmp(note->topic + len - after, suffix, after) != 0 ||
        id_set(&reader, slice_make(note->topic + before, len - before - after)) != GH_OK) {
        c->stats.malformed++; /* no reader can be named, so nobody can be answered */
        return;
    }
    controller_read(c, note, &reader, now);
}
