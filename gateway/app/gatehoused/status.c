#include "app/gatehoused/status.h"

#include <stdlib.h>

#include "app/gatehoused/controller_parts.h"

static bool add_policy(struct json *out, const struct controller *c, struct now now)
{
    const struct policy_version *v = &c->version;
    struct json *policy = json_new();
    if (!policy)
        return false;
    bool known = v->issued_at != INSTANT_NONE;
    bool ok = json_set_int(policy, "epoch", v->epoch) && json_set_int(policy, "rev", v->rev) &&
              (known && wall_is_trusted(now.wall)
                   ? json_set_int(policy, "age_s", now.wall.s - v->issued_at)
                   : json_set_null(policy, "age_s")) &&
              json_set_int(policy, "damaged", (int64_t)c->stats.damaged);
    return json_set(out, "policy", policy) && ok;
}

static bool add_certificate(struct json *cloud, const struct controller_cloud *state)
{
    char until[INSTANT_TEXT];
    const char *alarm = state->certificate_alarm;
    struct json *certificate = json_new();
    instant_format(until, state->certificate_until);
    bool ok = certificate && json_set_text(certificate, "until", slice_of(until)) &&
              json_set_text_or_null(certificate, "alarm", alarm[0] ? alarm : NULL);
    if (!ok) {
        json_free(certificate);
        return false;
    }
    return json_set(cloud, "certificate", certificate);
}

static bool add_cloud(struct json *out, const struct config *config,
                      const struct controller_cloud *state)
{
    struct json *cloud = json_new();
    if (!cloud)
        return false;
    char since[INSTANT_TEXT];
    instant_format(since, state->since);
    bool ok = json_set_bool(cloud, "online", state->online) &&
              json_set_text_or_null(cloud, "since", state->since == INSTANT_NONE ? NULL : since) &&
              json_set_bool(cloud, "configured", config->cloud_url[0] != '\0') &&
              (state->certificate_until == INSTANT_NONE || add_certificate(cloud, state));
    return json_set(out, "cloud", cloud) && ok;
}

static bool add_journal(struct json *out, const struct controller *c)
{
    struct journal_counts n;
    char head[SHA256_HEX + 1];
    recorder_head(&c->recorder, head);
    c->ports.journal.ops->counts(c->ports.journal.self, &n);
    struct json *j = json_new();
    if (!j)
        return false;
    uint64_t oldest = n.acked_seq + 1 > n.first_seq ? n.acked_seq + 1 : n.first_seq;
    bool ok = json_set_text(j, "stream", slice_of(n.stream)) &&
              json_set_int(j, "first_seq", (int64_t)n.first_seq) &&
              json_set_int(j, "next_seq", (int64_t)n.next_seq) &&
              json_set_int(j, "durable_seq", (int64_t)n.durable_seq) &&
              json_set_int(j, "acked_seq", (int64_t)n.acked_seq) &&
              json_set_int(j, "queued", (int64_t)(n.next_seq - oldest)) &&
              json_set_int(j, "lost_total", (int64_t)n.lost_total) &&
              json_set_int(j, "alarm_seq", (int64_t)c->alarm_seq) &&
              json_set_text(j, "head", slice_of(head));
    return json_set(out, "journal", j) && ok;
}

static bool add_reads(struct json *out, const struct controller_stats *s)
{
    struct json *reads = json_new();
    if (!reads)
        return false;
    bool ok = json_set_int(reads, "granted", (int64_t)s->granted) &&
              json_set_int(reads, "denied", (int64_t)s->denied) &&
              json_set_int(reads, "repeated", (int64_t)s->repeated) &&
              json_set_int(reads, "malformed", (int64_t)s->malformed) &&
              json_set_int(reads, "stale", (int64_t)s->stale) &&
              json_set_int(reads, "retained", (int64_t)s->retained) &&
              json_set_int(reads, "flooded", (int64_t)s->flooded);
    return json_set(out, "reads", reads) && ok;
}

struct json *status_of_gateway(struct controller *c, struct now now)
{
    controller_look(c);
    struct json *out = json_new();
    struct json *broker = json_new();
    bool ok = out && broker && json_set_bool(broker, "up", c->bus_up) &&
              json_set_text(out, "version", slice_of(GATEHOUSE_VERSION)) &&
              json_set_bool(out, "online", true) &&
              json_set_int(out, "uptime_s", (now.mono.ms - c->started.mono.ms) / 1000) &&
              json_set_text(out, "clock", slice_of(clock_trust_name(now.wall.trust)));
    if (out && broker)
        ok = json_set(out, "broker", broker) && ok;
    ok = ok && add_policy(out, c, now) && add_cloud(out, c->config, &c->cloud) &&
         add_journal(out, c) && add_reads(out, &c->stats);
    if (ok)
        return out;
    json_free(out);
    return NULL;
}

static struct json *status_of_door(struct controller *c, const struct door_unit *unit,
                                   struct now now)
{
    struct json *out = json_new();
    struct policy_facts facts;
    const struct policy_store *store = &c->ports.policy;
    const struct door *door = &unit->door;
    if (!out)
        return NULL;
    bool known = store->ops->look(store->self, &unit->config->id, &facts) == GH_OK &&
                 facts.door_known;
    const char *name = known ? facts.door->door.name : "";
    const char *contact = door->has_contact ? (door->is_open ? "open" : "closed") : NULL;
    bool ok = json_set_text(out, "door", slice_of(unit->config->id.s)) &&
              (!name[0] || json_set_text(out, "name", slice_of(name))) &&
              json_set_bool(out, "in_policy", known) &&
              json_set_text(out, "mode", slice_of(door_mode_name(door->mode))) &&
              json_set_text(out, "onvif", slice_of(door_onvif_mode(door))) &&
              json_set_text(out, "lock", slice_of(door_is_released(door) ? "released" : "locked")) &&
              json_set_text_or_null(out, "contact", contact) &&
              json_set_text_or_null(out, "alarm", doors_alarm(unit)) &&
              json_set_text(out, "board", slice_of(unit->online ? "online" : "offline")) &&
              json_set_text_or_null(out, "fault", unit->fault) &&
              (!door->is_releasing ||
               json_set_int(out, "until_ms", door->release_ends.ms - now.mono.ms));
    if (ok)
        return out;
    json_free(out);
    return NULL;
}

/* An empty page; the caller fills in what lies from *from up to its end. */
static struct json *new_page(size_t n, size_t *from, size_t *end)
{
    struct json *out = json_new();
    *from = *from < n ? *from : n;
    *end = n - *from > STATUS_PAGE ? *from + STATUS_PAGE : n;
    if (out && (*end == n || json_set_int(out, "next", (int64_t)*end)))
        return out;
    json_free(out);
    return NULL;
}

struct json *status_of_doors(struct controller *c, size_t from, struct now now)
{
    size_t end;
    struct json *out = new_page(c->doors.n, &from, &end);
    for (size_t i = from; out && i < end; i++) {
        struct json *door = status_of_door(c, &c->doors.unit[i], now);
        if (!door || !json_append(out, "doors", door)) {
            json_free(out);
            return NULL;
        }
    }
    return out;
}

static struct json *status_of_input(const struct input_unit *unit)
{
    struct json *out = json_new();
    const struct hal_line *line = &unit->config->line;
    if (out && (!unit->door || json_set_text(out, "door", slice_of(unit->door->s))) &&
        json_set_text(out, "input", slice_of(sense_name(unit->sense))) &&
        json_set_text(out, "chip", slice_of(line->chip)) &&
        json_set_text(out, "line", slice_of(line->line)) &&
        json_set_bool(out, "active", unit->is_active) &&
        json_set_int(out, "changes", (int64_t)unit->changes) &&
        json_set_text(out, "state", slice_of(input_trouble_name(unit->trouble))))
        return out;
    json_free(out);
    return NULL;
}

struct json *status_of_inputs(const struct inputs *inputs, size_t from)
{
    size_t end;
    struct json *out = new_page(inputs->n, &from, &end);
    for (size_t i = from; out && i < end; i++) {
        struct json *input = status_of_input(&inputs->unit[i]);
        if (!input || !json_append(out, "inputs", input)) {
            json_free(out);
            return NULL;
        }
    }
    return out;
}

void controller_publish_status(struct controller *c, struct now now)
{
    struct json *status = status_of_gateway(c, now);
    size_t len;
    char *text = status ? json_print(status, &len) : NULL;
    if (text) {
        /* It is published again soon; one that is missed does no harm. */
        enum gh_err err =
            c->ports.bus.ops->publish(c->ports.bus.self, slice_of("gatehouse/v1/gateway/status"),
                                      slice_make(text, len), 1, true);
        (void)err;
    }
    free(text);
    json_free(status);
}
