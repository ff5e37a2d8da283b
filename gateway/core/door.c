#include "core/door.h"

/* --- levels and cover ----------------------------------------------------------------- */

static bool is_rex_live(const struct door *door, const struct door_rules *rules)
{
    return door->is_rex && !door->is_rex_stuck && rules->rex != REX_OFF &&
           (door->mode != MODE_LOCKED_DOWN || rules->rex_in_lockdown);
}

/* True if the active request releases the door. A shunt does not, nor does one whose
 * release was ended: what is released later has a cause of its own. */
static bool is_rex_releasing(const struct door *door, const struct door_rules *rules)
{
    return door->is_rex_cause && rules->rex == REX_RELEASE && is_rex_live(door, rules);
}

bool door_is_released(const struct door *door)
{
    return door->mode == MODE_UNLOCKED || door->is_releasing;
}

/* An open door that is covered is no alarm. */
static bool is_covered(const struct door *door, const struct door_rules *rules)
{
    return door_is_released(door) || is_rex_live(door, rules);
}

static void add(struct door_outcome *out, enum door_event event)
{
    if (out->n < DOOR_EVENTS_MAX)
        out->event[out->n++] = event;
}

void door_init(struct door *door)
{
    *door = (struct door){.mode = MODE_LOCKED};
}

/* --- held open --------------------------------------------------------------------------- */

static void clear_held(struct door *door, struct door_outcome *out)
{
    if (door->is_held)
        add(out, DOOR_HELD_CLEARED);
    door->is_held = false;
}

/* Begins to count from `from` how long the door stands open with nothing to cover
 * it, or stops. One that was forced open has its alarm already. */
static void time_held(struct door *door, const struct door_rules *rules, struct mono from,
                      struct door_outcome *out)
{
    if (door->mode == MODE_UNLOCKED)
        clear_held(door, out);
    if (!door->is_open || is_covered(door, rules) || door->is_forced || rules->held_open_s == 0) {
        door->is_held_timed = false;
        return;
    }
    if (door->is_held_timed || door->is_held)
        return;
    int64_t held_ms = (int64_t)rules->held_open_s * 1000;
    int64_t before_ms = (int64_t)rules->pre_alarm_s * 1000;
    door->is_held_timed = true;
    door->held_at = mono_add_ms(from, held_ms);
    door->pre_alarm_at = mono_add_ms(from, before_ms < held_ms ? held_ms - before_ms : 0);
    door->is_pre_alarmed = before_ms == 0;
}

/* --- releases ---------------------------------------------------------------------------- */

static void end_release(struct door *door, const struct door_rules *rules, struct mono at,
                        struct door_outcome *out)
{
    if (door->is_awaited && door->has_contact)
        add(out, DOOR_NOT_TAKEN);
    door->is_releasing = door->is_rex_extended = door->is_rex_cause = door->is_awaited = false;
    time_held(door, rules, at, out);
}

void door_end_release(struct door *door, const struct door_rules *rules, struct mono now,
                      struct door_outcome *out)
{
    door_tick(door, rules, now, out);
    door->is_opening = false;
    end_release(door, rules, now, out);
}

void door_open_by_operator(struct door *door, int ms, struct mono now)
{
    if (!door_is_released(door))
        return;
    door->is_opening = true;
    door->opening_ends = mono_add_ms(now, ms);
}

/* A later end counts; one that is running is never shortened. */
static void release_up_to(struct door *door, struct mono ends)
{
    if (!door->is_releasing || door->is_rex_extended || ends.ms > door->release_ends.ms)
        door->release_ends = ends;
    door->is_releasing = true;
    door->is_rex_extended = false;
}

static void take(struct door *door, struct door_outcome *out)
{
    if (door->is_awaited)
        add(out, DOOR_TAKEN);
    door->is_awaited = false;
}

void door_release_until(struct door *door, struct mono ends, const struct door_rules *rules,
                        struct mono now, struct door_outcome *out)
{
    door_tick(door, rules, now, out);
    if (ends.ms <= now.ms)
        return;
    /* Whoever is let in next is a passage of their own; the one before did not take it. */
    if (door->is_awaited && door->has_contact)
        add(out, DOOR_NOT_TAKEN);
    release_up_to(door, ends);
    door->is_awaited = true;
    if (door->is_open) /* they walk through */
        take(door, out);
    time_held(door, rules, now, out);
}

void door_release(struct door *door, int release_s, const struct door_rules *rules,
                  struct mono now, struct door_outcome *out)
{
    door_release_until(door, mono_add_ms(now, (int64_t)release_s * 1000), rules, now, out);
}

void door_set_mode(struct door *door, enum door_mode mode, const struct door_rules *rules,
                   struct mono now, struct door_outcome *out)
{
    door_tick(door, rules, now, out);
    if (mode == door->mode)
        return;
    door->mode = mode;
    if (door_mode_ends_releases(mode)) {
        door->is_opening = false;
        end_release(door, rules, now, out);
    }
    time_held(door, rules, now, out);
}

/* --- inputs ------------------------------------------------------------------------------ */

static void opened(struct door *door, const struct door_rules *rules, struct mono now,
                   struct door_outcome *out)
{
    take(door, out);
    if (!is_covered(door, rules)) {
        door->is_forced = true;
        add(out, DOOR_FORCED);
    }
    if (rules->relock == RELOCK_ON_OPEN && !is_rex_releasing(door, rules))
        end_release(door, rules, now, out);
}

static void closed(struct door *door, const struct door_rules *rules, struct mono now,
                   struct door_outcome *out)
{
    door->is_forced = false;
    clear_held(door, out);
    if (rules->relock == RELOCK_ON_CLOSE && !is_rex_releasing(door, rules))
        end_release(door, rules, now, out);
}

void door_contact(struct door *door, bool is_open, const struct door_rules *rules,
                  struct mono now, struct door_outcome *out)
{
    door_tick(door, rules, now, out);
    bool is_first = !door->has_contact;
    door->has_contact = true;
    if (door->is_open == is_open)
        return;
    door->is_open = is_open;
    add(out, is_open ? DOOR_OPENED : DOOR_CLOSED);
    if (is_open && is_first)
        take(door, out); /* how it came to be open nobody saw */
    else if (is_open)
        opened(door, rules, now, out);
    else
        closed(door, rules, now, out);
    time_held(door, rules, now, out);
}

void door_rex(struct door *door, bool is_active, const struct door_rules *rules, struct mono now,
              struct door_outcome *out)
{
    door_tick(door, rules, now, out);
    if (door->is_rex == is_active)
        return;
    bool did_release = is_rex_releasing(door, rules);
    door->is_rex = is_active;
    door->is_rex_stuck = door->is_rex_fault = false;
    door->rex_since = now;
    door->is_rex_cause = true; /* unless it does not release now: then it never does */
    door->is_rex_cause = is_rex_releasing(door, rules);
    if (is_active && rules->rex != REX_OFF)
        add(out, DOOR_REQUEST_TO_EXIT);
    if (did_release || is_rex_releasing(door, rules))
        release_up_to(door, mono_add_ms(now, (int64_t)rules->rex_release_s * 1000));
    time_held(door, rules, now, out);
}

void door_rex_at_start(struct door *door, struct mono now)
{
    door->is_rex = true;
    door->rex_since = now;
}

void door_tamper(struct door *door, bool is_active, struct door_outcome *out)
{
    if (door->is_tampered == is_active)
        return;
    door->is_tampered = is_active;
    add(out, is_active ? DOOR_TAMPER_ON : DOOR_TAMPER_OFF);
}

/* --- time -------------------------------------------------------------------------------- */

static struct mono stuck_at(const struct door *door)
{
    return mono_add_ms(door->rex_since, REX_STUCK_MS);
}

static void pass_rex(struct door *door, const struct door_rules *rules, struct mono at,
                     struct door_outcome *out)
{
    if (!door->is_rex || door->is_rex_stuck || at.ms < stuck_at(door).ms)
        return;
    door->is_rex_stuck = true;
    door->is_rex_fault = rules->rex != REX_OFF;
    if (door->is_rex_fault)
        add(out, DOOR_REX_STUCK);
}

/* A release whose time is up goes on for as long as a request does. */
static void pass_release(struct door *door, const struct door_rules *rules, struct mono at,
                         struct door_outcome *out)
{
    if (!door->is_releasing || (!door->is_rex_extended && at.ms < door->release_ends.ms))
        return;
    door->is_rex_extended = is_rex_releasing(door, rules);
    if (door->is_rex_extended)
        door->release_ends = stuck_at(door); /* at the latest */
    else
        end_release(door, rules, at, out);
}

static void pass_held(struct door *door, const struct door_rules *rules, struct mono at,
                      struct door_outcome *out)
{
    time_held(door, rules, at, out); /* the rules may have changed */
    if (door->is_held_timed && !door->is_pre_alarmed && at.ms >= door->pre_alarm_at.ms) {
        door->is_pre_alarmed = true;
        add(out, DOOR_PRE_ALARM);
    }
    if (door->is_held_timed && at.ms >= door->held_at.ms) {
        door->is_held_timed = false;
        door->is_held = true;
        add(out, DOOR_HELD_OPEN);
    }
}

static void pass(struct door *door, const struct door_rules *rules, struct mono at,
                 struct door_outcome *out)
{
    if (door->is_opening && at.ms >= door->opening_ends.ms)
        door->is_opening = false;
    pass_rex(door, rules, at, out);
    pass_release(door, rules, at, out);
    pass_held(door, rules, at, out);
}

/* What was due before is done at the instant that it was due at, in its order: so a
 * late tick brings what ticks in time would have brought. Each pass leaves only
 * deadlines behind its instant, and there are few of them: it comes to an end. */
void door_tick(struct door *door, const struct door_rules *rules, struct mono now,
               struct door_outcome *out)
{
    struct mono at;
    while (door_deadline(door, &at) && at.ms < now.ms)
        pass(door, rules, at, out);
    pass(door, rules, now, out);
}

static void sooner(bool *some, struct mono *out, struct mono at)
{
    if (!*some || at.ms < out->ms)
        *out = at;
    *some = true;
}

bool door_deadline(const struct door *door, struct mono *out)
{
    bool some = false;
    if (door->is_rex && !door->is_rex_stuck)
        sooner(&some, out, stuck_at(door));
    if (door->is_releasing)
        sooner(&some, out, door->release_ends);
    if (door->is_opening)
        sooner(&some, out, door->opening_ends);
    if (door->is_held_timed)
        sooner(&some, out, door->is_pre_alarmed ? door->held_at : door->pre_alarm_at);
    return some;
}

/* --- what is shown ------------------------------------------------------------------------ */

const char *door_onvif_mode(const struct door *door)
{
    if (door->mode == MODE_UNLOCKED)
        return "Unlocked";
    if (door->is_releasing)
        return "Accessed";
    switch (door->mode) {
    case MODE_LOCKED_DOWN: return "LockedDown";
    case MODE_BLOCKED:
    case MODE_FORCED_CLOSED: return "Blocked";
    case MODE_LOCKED:
    case MODE_UNLOCKED:
    case MODE_FIRST_CREDENTIAL: break;
    }
    return "Locked";
}

const char *door_alarm(const struct door *door)
{
    if (door->is_forced)
        return "door_forced";
    if (door->is_held)
        return "door_held_open";
    if (door->is_tampered)
        return "tamper";
    return door->is_rex_fault ? "request_to_exit" : NULL;
}
