#include "app/gatehoused/controller.h"

#include <stdio.h>

#include "app/gatehoused/command_memory.h"
#include "app/gatehoused/controller_parts.h"
#include "app/gatehoused/feedback.h"
#include "app/log.h"

#define TICK_MS 1000
#define STATUS_MS 10000
#define CLOCK_STEP_S 2

/* What the journal keeps, and who makes use of it. */
static enum gh_err open_kept(struct controller *c, const struct controller_start *start,
                             struct now now)
{
    enum gh_err err = ledger_open(&c->ledger, c->ports.journal);
    if (err)
        return err;
    command_memory_begin(&c->ledger, start->last_event.len == 0, now);
    ledger_flush(&c->ledger); /* a release waits for nothing that it did not use up itself */
    err = passes_open(&c->passes, &c->ledger);
    if (err)
        goto fail_ledger;
    err = lockouts_open(&c->lockouts, &c->ledger, start->boot, now.mono);
    if (err)
        goto fail_passes;
    err = waits_open(&c->waits, &c->ledger, start->boot, now.mono);
    if (err)
        goto fail_lockouts;
    return GH_OK;

fail_lockouts:
    lockouts_close(&c->lockouts);
fail_passes:
    passes_close(&c->passes);
fail_ledger:
    ledger_close(&c->ledger);
    return err;
}

static void close_kept(struct controller *c)
{
    waits_close(&c->waits);
    lockouts_close(&c->lockouts);
    passes_close(&c->passes);
    ledger_close(&c->ledger);
}

/* --- doors at the start ---------------------------------------------------------- */

struct fire_start {
    const struct controller_fire *fire;
    const struct policy_store *policy;
};

/* So that no restart locks a door for a moment that a fire releases. What the policy does
 * not say, the saved rules do; and without those people get out. */
static bool starts_released(void *context, const struct id *door)
{
    const struct fire_start *f = context;
    struct policy_facts facts;
    if (!f->fire->is_fire)
        return false;
    if (f->policy->ops->look(f->policy->self, door, &facts) == GH_OK && facts.door_known)
        return facts.door->door.fire_release;
    return !(f->fire->rules && fire_rules_ignore(f->fire->rules, door));
}

enum gh_err controller_take_doors(struct doors *out, const struct config *config,
                                  struct relay_board *board, const struct policy_store *policy,
                                  const struct controller_fire *fire, char why[HAL_TEXT_MAX])
{
    struct fire_start start = {fire, policy};
    enum gh_err err = doors_open(out, config, board, starts_released, &start, why);
    for (size_t i = 0; !err && i < out->n; i++)
        out->unit[i].is_fire_ignored =
            fire->rules && fire_rules_ignore(fire->rules, &out->unit[i].config->id);
    return err;
}

/* --- open and close -------------------------------------------------------------- */

enum gh_err controller_open(struct controller *c, const struct config *config,
                            const struct controller_ports *ports, const struct crypto_keys *keys,
                            const struct controller_start *start, struct now now)
{
    *c = (struct controller){
        .config = config,
        .ports = *ports,
        .doors = *start->doors,
        .cloud = {.since = INSTANT_NONE, .certificate_until = INSTANT_NONE},
        .version.issued_at = INSTANT_NONE,
        .started = now,
        .last_seen = now,
        .tick_session = *start->session,
        .next_tick = now.mono,
        .next_status = now.mono,
        .is_fire = start->is_fire,
    };
    enum gh_err err = outbox_open(&c->outbox);
    if (err)
        return err;
    err = limits_open(&c->limits, config->reads_per_s, config->reads_burst);
    if (err)
        goto fail_outbox;
    err = limits_open(&c->panel_limits, config->reads_per_s, config->reads_burst);
    if (err)
        goto fail_limits;
    err = open_kept(c, start, now);
    if (err)
        goto fail_panel_limits;
    *start->doors = (struct doors){0};
    doors_remember(&c->doors, &c->ledger);
    zones_init(&c->zones, ports->zone);
    c->unkept_seq = ports->journal.ops->next_seq(ports->journal.self) - 1;
    crypto_key_prepare(&c->value_key, keys->value);
    recorder_init(&c->recorder, ports->journal, keys->journal, start->last_event);
    return GH_OK;

fail_panel_limits:
    limits_close(&c->panel_limits);
fail_limits:
    limits_close(&c->limits);
fail_outbox:
    outbox_close(&c->outbox);
    return err;
}

enum gh_err controller_add_door(struct controller *c, const struct config_door *config,
                                char why[HAL_TEXT_MAX])
{
    enum gh_err err = doors_add(&c->doors, c->config, config, false, why);
    if (err)
        return err;
    doors_remember(&c->doors, &c->ledger);
    return GH_OK;
}

void controller_look_at_doors(struct controller *c, struct now now)
{
    for (size_t i = 0; i < c->doors.n; i++)
        controller_look_at_mode(c, &c->doors.unit[i], now);
    ledger_flush(&c->ledger);
}

void controller_close(struct controller *c)
{
    crypto_forget(&c->value_key, sizeof c->value_key);
    recorder_close(&c->recorder);
    close_kept(c);
    limits_close(&c->panel_limits);
    limits_close(&c->limits);
    outbox_close(&c->outbox);
    doors_close(&c->doors);
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
    enum gh_err err = recorder_append(&c->recorder, event, repeat, ledger_waiting(&c->ledger));
    if (err == GH_OK)
        ledger_went(&c->ledger); /* else it goes with the next event */
    if (err == GH_OK && event_kind_is_alarm(event->kind))
        c->alarm_seq = event->seq;
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
    c->cloud.online = online;
    c->cloud.since = now.wall.s;
    controller_note(c, online ? EVENT_CLOUD_ONLINE : EVENT_CLOUD_OFFLINE,
                    &(struct event_args){.fault = why}, now);
    c->next_status = now.mono;
}

void controller_certificate(struct controller *c, int64_t until, const char *alarm, struct now now)
{
    c->cloud.certificate_until = until;
    snprintf(c->cloud.certificate_alarm, sizeof c->cloud.certificate_alarm, "%s", alarm);
    c->next_status = now.mono;
}

void controller_started(struct controller *c, struct now now)
{
    controller_note(c, EVENT_GATEWAY_STARTED, &(struct event_args){.version = GATEHOUSE_VERSION},
                    now);
    if (c->is_fire) /* it has been since before we were there to see it begin */
        controller_note(c, EVENT_FIRE, &(struct event_args){.has_on = true, .on = true}, now);
}

void controller_stopped(struct controller *c, struct now now)
{
    /* The doors first: nothing after this may take long and leave one released. */
    for (size_t i = 0; i < c->doors.n; i++) {
        struct door_unit *unit = &c->doors.unit[i];
        bool is_released =
            unit->door.mode == MODE_UNLOCKED && controller_fire_releases(c, unit);
        door_init(&unit->door);
        if (is_released) /* people are on their way out */
            unit->door.mode = MODE_UNLOCKED;
        controller_reconcile(c, unit, now);
        controller_state_changed(c, unit, now);
    }
    ledger_flush(&c->ledger);
    controller_note(c, EVENT_GATEWAY_STOPPED, NULL, now);
    /* Who leaves in order has no last will. If it cannot be said, the link is
     * down, and the broker has said it. */
    enum gh_err err =
        c->ports.bus.ops->publish(c->ports.bus.self, slice_of("gatehouse/v1/gateway/status"),
                                  slice_of("{\"online\":false}"), 1, true);
    (void)err;
    controller_publish_last(c, now);
}

void controller_on_durable(struct controller *c, struct now now)
{
    controller_release_deferred(c, now);
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

/* --- time ------------------------------------------------------------------- */

static void pass_floods(struct controller *c, struct now now)
{
    struct event event = {.kind = EVENT_READER_FLOODING, .at = now, .args.has_count = true};
    struct id panel;
    while (limits_take(&c->limits, now.mono, &event.reader, &event.args.count))
        controller_record(c, &event, NULL, false);
    event.reader = (struct id){""};
    while (limits_take(&c->panel_limits, now.mono, &panel, &event.args.count)) {
        snprintf(event.by, sizeof event.by, "panel:%s", panel.s);
        controller_record(c, &event, NULL, false);
    }
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
    controller_pass_doors(c, second, now);
    controller_pass_waits(c, now);
    if (second)
        controller_release_deferred(c, now); /* also where the journal fails: nothing becomes durable */
    if (second || (c->are_states_due && now.mono.ms >= c->states_at.ms))
        controller_publish_doors(c, now);
    if (!second)
        return;
    ledger_flush(&c->ledger);
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
    struct mono at = c->next_tick, other;
    if (c->are_states_due && c->states_at.ms < at.ms)
        at = c->states_at;
    if (doors_deadline(&c->doors, &other) && other.ms < at.ms)
        at = other;
    if (waits_deadline(&c->waits, &other) && other.ms < at.ms)
        at = other;
    return at;
}
