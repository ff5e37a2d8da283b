#include "app/gatehoused/controller.h"

#include <stdio.h>

#include "app/gatehoused/controller_parts.h"
#include "app/gatehoused/feedback.h"
#include "app/log.h"

#define TICK_MS 1000
#define STATUS_MS 10000
#define CLOCK_STEP_S 2

enum gh_err controller_open(struct controller *c, const struct config *config,
                            const struct controller_ports *ports, const struct crypto_keys *keys,
                            const struct id *session, struct slice last_event, struct now now,
                            char why[HAL_TEXT_MAX])
{
    struct controller made = {
        .config = config,
        .ports = *ports,
        .keys = keys,
        .cloud.since = INSTANT_NONE,
        .version.issued_at = INSTANT_NONE,
        .started = now,
        .last_seen = now,
        .tick_session = *session,
        .next_tick = now.mono,
        .next_status = now.mono,
    };
    snprintf(why, HAL_TEXT_MAX, "out of memory");
    enum gh_err err = outbox_open(&made.outbox);
    if (err)
        return err;
    err = limits_open(&made.limits, config->reads_per_s, config->reads_burst);
    if (err)
        goto fail_outbox;
    err = lockouts_open(&made.lockouts);
    if (err)
        goto fail_limits;
    err = doors_open(&made.doors, config, ports->board, why);
    if (err)
        goto fail_lockouts;
    zones_init(&made.zones, ports->zone);
    made.unkept_seq = ports->journal.ops->next_seq(ports->journal.self) - 1;
    recorder_init(&made.recorder, ports->journal, keys->journal, last_event);
    *c = made;
    return GH_OK;

fail_lockouts:
    lockouts_close(&made.lockouts);
fail_limits:
    limits_close(&made.limits);
fail_outbox:
    outbox_close(&made.outbox);
    return err;
}

void controller_close(struct controller *c)
{
    doors_close(&c->doors);
    lockouts_close(&c->lockouts);
    limits_close(&c->limits);
    outbox_close(&c->outbox);
}

/* --- answers ------------------------------------------------------------------ */

void controller_answer(struct controller *c, const struct id *reader, const struct id *read_id,
                       enum decision decision, enum reason reason)
{
    uint64_t tag = ++c->tag;
    /* One that is not sent is asked for again: the reader repeats. */
    if (feedback_send(&c->ports.bus, reader, read_id, decision, reason, tag) != GH_OK ||
        id_is_none(read_id))
        return;
    struct controller_answer *a = &c->answer[tag % CONTROLLER_ANSWERS];
    *a = (struct controller_answer){.tag = tag, .reader = *reader, .read_id = *read_id};
}

void controller_answered(struct controller *c, uint64_t tag)
{
    const struct controller_answer *a = &c->answer[tag % CONTROLLER_ANSWERS];
    const struct journal *j = &c->ports.journal;
    if (tag != 0 && a->tag == tag)
        j->ops->repeat_answered(j->self, &a->reader, &a->read_id);
}

/* --- recording ------------------------------------------------------------ */

void controller_record(struct controller *c, struct event *event, const struct repeat *repeat,
                       bool answer)
{
    event->policy = c->version;
    enum gh_err err = recorder_append(&c->recorder, event, repeat);
    if (err) {
        /* Doors go on without a journal; the journal counts what it lost. */
        log_line(LOG_ERR, "event %llu (%s) could not be journalled: %s",
                 (unsigned long long)event->seq, event_kind_name(event->kind), gh_err_name(err));
        if (answer)
            controller_answer(c, &event->reader, &event->read_id, event->decision, event->reason);
        return;
    }
    struct outbox_item *item = outbox_add(&c->outbox);
    if (!item) {
        if (answer)
            c->unkept_seq = event->seq;
        return;
    }
    item->seq = event->seq;
    item->len = (uint16_t)c->recorder.len;
    memcpy(item->event, c->recorder.bytes, c->recorder.len);
    if (answer) {
        item->has_feedback = true;
        item->reader = event->reader;
        item->read_id = event->read_id;
        item->decision = event->decision;
        item->reason = event->reason;
    }
}

void controller_look(struct controller *c)
{
    /* What cannot be asked stays as it was known. */
    struct policy_version version;
    if (c->ports.policy.ops->version(c->ports.policy.self, &version) == GH_OK)
        c->version = version;
}

void controller_note(struct controller *c, enum event_kind kind, const struct event_args *args,
                     struct now now)
{
    struct event event = {.kind = kind, .at = now};
    if (args)
        event.args = *args;
    controller_look(c);
    controller_record(c, &event, NULL, false);
}

void controller_cloud(struct controller *c, bool online, const char *why, struct now now)
{
    c->cloud = (struct controller_cloud){.online = online, .since = now.wall.s};
    controller_note(c, online ? EVENT_CLOUD_ONLINE : EVENT_CLOUD_OFFLINE,
                    &(struct event_args){.fault = why}, now);
    c->next_status = now.mono;
}

void controller_started(struct controller *c, struct now now)
{
    controller_note(c, EVENT_GATEWAY_STARTED, &(struct event_args){.version = GATEHOUSE_VERSION},
                    now);
}

void controller_stopped(struct controller *c, struct now now)
{
    /* The doors first: nothing after this may take long and leave one released. */
    for (size_t i = 0; i < c->doors.n; i++) {
        door_init(&c->doors.unit[i].door);
        controller_reconcile(c, &c->doors.unit[i], now);
    }
    controller_note(c, EVENT_GATEWAY_STOPPED, NULL, now);
    /* Who leaves in order has no last will. If it cannot be said, the link is
     * down, and the broker has said it. */
    enum gh_err err =
        c->ports.bus.ops->publish(c->ports.bus.self, slice_of("gatehouse/v1/gateway/status"),
                                  slice_of("{\"online\":false}"), 1, true);
    (void)err;
}

void controller_on_durable(struct controller *c, struct now now)
{
    (void)now;
    const struct journal *j = &c->ports.journal;
    uint64_t durable = j->ops->durable(j->self);
    const struct outbox_item *item;
    while ((item = outbox_take(&c->outbox, durable))) {
        if (item->has_feedback)
            controller_answer(c, &item->reader, &item->read_id, item->decision, item->reason);
        /* A convenience for whoever listens on site: the journal is the record. */
        enum gh_err err =
            c->ports.bus.ops->publish(c->ports.bus.self, slice_of("gatehouse/v1/events"),
                                      slice_make(item->event, item->len), 1, false);
        if (err && err != GH_RETRY)
            log_line(LOG_WARNING, "event %llu was not published: %s", (unsigned long long)item->seq,
                     gh_err_name(err));
    }
}

/* --- doors ------------------------------------------------------------------ */

void controller_reconcile(struct controller *c, struct door_unit *unit, struct now now)
{
    bool was_online = unit->online;
    if (doors_reconcile(&c->doors, unit))
        return;
    door_init(&unit->door); /* what did not open now does not open when the board is back */
    if (!was_online)
        return;
    log_line(LOG_ERR, "door %s: the relay does not take its level", unit->config->id.s);
    struct event event = {.kind = EVENT_RELAY_FAULT, .at = now, .door = unit->config->id};
    event.args.fault = "the relay does not take its level";
    controller_record(c, &event, NULL, false);
}

static void release_recorded(struct controller *c, const struct id *door, const char *by,
                             const struct verdict *v, struct now now)
{
    bool granted = v->decision == DECISION_GRANTED;
    struct event event = {.kind = EVENT_COMMAND, .at = now, .door = *door};
    event.has_decision = true;
    event.decision = v->decision;
    event.reason = v->reason;
    event.args.action = "release";
    event.args.result = granted ? "done" : "refused";
    snprintf(event.by, sizeof event.by, "%s", by);
    controller_record(c, &event, NULL, false);
}

struct verdict controller_release(struct controller *c, const struct id *door, const char *by,
                                  struct now now)
{
    struct verdict v = {.decision = DECISION_DENIED};
    struct access_facts facts = {0};
    struct door_unit *unit = doors_find(&c->doors, door);
    enum gh_err err = c->ports.policy.ops->door(c->ports.policy.self, door, &facts);
    if (facts.policy_available)
        c->version = facts.version;
    if (!wall_is_trusted(now.wall))
        v.reason = REASON_CLOCK_UNTRUSTED;
    else if (!unit || err == GH_NOT_FOUND)
        v.reason = REASON_DOOR_UNKNOWN;
    else if (err)
        v.reason = REASON_POLICY_UNAVAILABLE;
    else if (!unit->online)
        v.reason = REASON_CONTROLLER_OFFLINE;
    else
        v = (struct verdict){DECISION_GRANTED, REASON_GRANTED, .release_s = facts.door.release_s};
    release_recorded(c, door, by, &v, now);
    if (v.decision == DECISION_GRANTED) {
        door_release(&unit->door, v.release_s, now.mono);
        controller_reconcile(c, unit, now);
    }
    return v;
}

/* --- time ------------------------------------------------------------------- */

static void pass_doors(struct controller *c, bool all, struct now now)
{
    for (size_t i = 0; i < c->doors.n; i++) {
        struct door_unit *unit = &c->doors.unit[i];
        if (door_tick(&unit->door, now.mono) || all)
            controller_reconcile(c, unit, now);
    }
}

static void pass_floods(struct controller *c, struct now now)
{
    struct event event = {.kind = EVENT_READER_FLOODING, .at = now, .args.has_count = true};
    while (limits_take(&c->limits, now.mono, &event.reader, &event.args.count))
        controller_record(c, &event, NULL, false);
}

static void check_clock(struct controller *c, struct now now)
{
    int64_t expected = c->last_seen.wall.s + (now.mono.ms - c->last_seen.mono.ms) / 1000;
    int64_t off = now.wall.s - expected;
    if (off > CLOCK_STEP_S || off < -CLOCK_STEP_S)
        controller_note(c, EVENT_CLOCK_STEP,
                        &(struct event_args){.has_range = true, .from = expected, .to = now.wall.s},
                        now);
    c->last_seen = now;
}

static void send_tick(struct controller *c)
{
    char text[128];
    int n = snprintf(text, sizeof text, "{\"session\":\"%s\",\"n\":%llu}", c->tick_session.s,
                     (unsigned long long)c->tick);
    /* A tick that cannot be sent is late already: the next one will do. */
    enum gh_err err =
        c->ports.bus.ops->publish(c->ports.bus.self, slice_of("gatehouse/v1/gateway/tick"),
                                  slice_make(text, (size_t)n), 0, false);
    (void)err;
}

void controller_on_time(struct controller *c, struct now now)
{
    bool second = now.mono.ms >= c->next_tick.ms;
    pass_doors(c, second, now);
    if (!second)
        return;
    check_clock(c, now);
    pass_floods(c, now);
    c->tick += 1 + (uint64_t)(now.mono.ms - c->next_tick.ms) / TICK_MS;
    c->next_tick =
        mono_add_ms(c->next_tick, ((now.mono.ms - c->next_tick.ms) / TICK_MS + 1) * TICK_MS);
    send_tick(c);
    if (now.mono.ms >= c->next_status.ms && c->bus_up) {
        c->next_status = mono_add_ms(now.mono, STATUS_MS);
        controller_publish_status(c, now);
    }
}

struct mono controller_deadline(const struct controller *c)
{
    struct mono at;
    if (doors_deadline(&c->doors, &at) && at.ms < c->next_tick.ms)
        return at;
    return c->next_tick;
}
