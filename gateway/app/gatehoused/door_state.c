/* doors/{door}/state: what a door is, retained, for panels and whoever listens on site:
 * {"mode","onvif","lock":"locked|released","contact":"open|closed|null","alarm","until"?,"at"}.
 * until: the instant at which a running release, or an order to hold open or lock, ends.
 * at: when it became so. */
#include <stdio.h>
#include <string.h>

#include "app/gatehoused/controller_parts.h"
#include "app/log.h"

/* Whoever watches can wait a moment: relays and readers come first, and what changes
 * together is said once. */
#define STATE_MS 20
/* Said at a time: after a start all doors have something to say, and answers go between. */
#define STATES_AT_ONCE 64

static void publish_soon(struct controller *c, struct now now)
{
    c->are_states_due = true;
    c->states_at = mono_add_ms(now.mono, STATE_MS);
}

void controller_state_changed(struct controller *c, struct door_unit *unit, struct now now)
{
    unit->is_state_due = true;
    if (c->bus_up && !c->are_states_due)
        publish_soon(c, now);
}

static struct door_state state_of(const struct door_unit *unit)
{
    const struct door *door = &unit->door;
    bool is_ordered = unit->local.mode != LOCAL_NONE;
    return (struct door_state){
        .mode = door->mode,
        .onvif = door_onvif_mode(door),
        .alarm = doors_alarm(unit),
        .is_released = door_is_released(door),
        .has_contact = door->has_contact,
        .is_open = door->is_open,
        .release_ends = door->is_releasing ? door->release_ends : (struct mono){0},
        .until = is_ordered ? unit->local.until : INSTANT_NONE,
    };
}

static bool is_same(const struct door_state *a, const struct door_state *b)
{
    return a->mode == b->mode && strcmp(a->onvif, b->onvif) == 0 &&
           strcmp(a->alarm ? a->alarm : "", b->alarm ? b->alarm : "") == 0 &&
           a->is_released == b->is_released && a->has_contact == b->has_contact &&
           a->is_open == b->is_open && a->release_ends.ms == b->release_ends.ms &&
           a->until == b->until;
}

static int until_text(char out[64], const struct door_state *s, struct now now)
{
    char text[INSTANT_TEXT];
    int64_t until = s->until;
    out[0] = '\0';
    if (s->release_ends.ms != 0)
        until = now.wall.s + (s->release_ends.ms - now.mono.ms + 999) / 1000;
    if (until == INSTANT_NONE)
        return 0;
    instant_format(text, until);
    return snprintf(out, 64, ",\"until\":\"%s\"", text);
}

static enum gh_err publish(struct controller *c, const struct door_unit *unit,
                           const struct door_state *s, struct now now)
{
    char topic[BUS_TOPIC_MAX], payload[512], at[INSTANT_TEXT], until[64];
    const char *contact = s->is_open ? "\"open\"" : "\"closed\"";
    const char *quote = s->alarm ? "\"" : "";
    instant_format(at, now.wall.s);
    (void)until_text(until, s, now);
    int t = snprintf(topic, sizeof topic, "gatehouse/v1/doors/%s/state", unit->config->id.s);
    int p = snprintf(payload, sizeof payload,
                     "{\"mode\":\"%s\",\"onvif\":\"%s\",\"lock\":\"%s\",\"contact\":%s,"
                     "\"alarm\":%s%s%s%s,\"at\":\"%s\"}",
                     door_mode_name(s->mode), s->onvif, s->is_released ? "released" : "locked",
                     s->has_contact ? contact : "null", quote, s->alarm ? s->alarm : "null", quote,
                     until, at);
    return c->ports.bus.ops->publish(c->ports.bus.self, slice_make(topic, (size_t)t),
                                     slice_make(payload, (size_t)p), 1, true);
}

/* False: what else has changed has to wait. */
static bool publish_door(struct controller *c, struct door_unit *unit, struct now now, size_t *left)
{
    struct door_state state = state_of(unit);
    if (!unit->is_state_due)
        return true;
    if (unit->is_published && is_same(&state, &unit->published)) {
        unit->is_state_due = false;
        return true;
    }
    enum gh_err err = *left > 0 ? publish(c, unit, &state, now) : GH_FULL;
    if (err == GH_FULL)
        publish_soon(c, now);
    if (err == GH_FULL || err == GH_RETRY)
        return false;
    if (err)
        log_line(LOG_WARNING, "the state of door %s was not published: %s", unit->config->id.s,
                 gh_err_name(err));
    unit->published = state;
    unit->is_published = true;
    unit->is_state_due = false;
    --*left;
    return true;
}

static void publish_doors(struct controller *c, size_t most, struct now now)
{
    c->are_states_due = false; /* without a link it is tried again in a second */
    for (size_t i = 0; c->bus_up && i < c->doors.n; i++)
        if (!publish_door(c, &c->doors.unit[i], now, &most))
            return;
}

void controller_publish_doors(struct controller *c, struct now now)
{
    publish_doors(c, STATES_AT_ONCE, now);
}

void controller_publish_last(struct controller *c, struct now now)
{
    publish_doors(c, c->doors.n, now);
}
