#include "core/mode.h"

#include "core/holiday.h"
#include "core/schedule.h"

#define WINDOW_MAX_S 86400

/* --- rows and time --------------------------------------------------------------- */

static bool has_time_condition(const struct mode_row *row)
{
    return row->hours.is_set || validity_is_bounded(row->validity);
}

/* A zone that is not known can be trusted no more than a clock that is not. */
static bool is_local_time_known(const struct moment *now)
{
    return wall_is_trusted(now->wall) && now->zone->n > 0;
}

/* A one_time row claims a whole local date: the one on which a window of it starts. */
static bool is_within(const struct mode_row *row, const struct moment *now, bool whole_date)
{
    if (!has_time_condition(row))
        return true;
    if (!wall_is_trusted(now->wall) || !validity_contains(row->validity, now->wall.s))
        return false;
    if (!row->hours.is_set)
        return true;
    if (!is_local_time_known(now))
        return false;
    struct local_time at = local_time_at(now->zone, now->wall.s);
    return whole_date ? schedule_starts_on(row->hours.windows, row->hours.n, at.weekday)
                      : schedule_contains(row->hours.windows, row->hours.n, at);
}

static bool is_one_time(const struct door_facts *door, const struct moment *now, bool whole_date)
{
    for (size_t i = 0; i < door->n_modes; i++)
        if (door->modes[i].tier == TIER_ONE_TIME && is_within(&door->modes[i], now, whole_date))
            return true;
    return false;
}

static bool is_holiday(struct holiday_list holidays, const struct moment *now)
{
    static const struct id calendar = {"default"};
    return is_local_time_known(now) &&
           holiday_look(holidays.v, holidays.n, &calendar, local_time_at(now->zone, now->wall.s))
               .is_holiday;
}

bool mode_row_in_force(const struct door_facts *door, const struct mode_row *row,
                       struct holiday_list holidays, struct moment now)
{
    if (!is_within(row, &now, false))
        return false;
    if (row->tier != TIER_ROUTINE)
        return true;
    bool unlocks = row->wish == WISH_UNLOCKED || row->wish == WISH_FIRST_CREDENTIAL;
    return !is_one_time(door, &now, true) && !(unlocks && is_holiday(holidays, &now));
}

/* From one instant at which anything may change to the next. */
int64_t mode_window_end(const struct door_facts *door, const struct mode_row *row,
                        struct holiday_list holidays, struct moment now)
{
    static const struct door_situation untouched = {.local = {.mode = LOCAL_NONE}};
    int64_t last = now.wall.s + WINDOW_MAX_S;
    struct moment then = now;
    for (;;) {
        then.wall.s = mode_next_change(door, &untouched, then);
        if (then.wall.s >= last)
            return last;
        if (!mode_row_in_force(door, row, holidays, then))
            return then.wall.s;
    }
}

/* --- latches --------------------------------------------------------------------- */

static const struct mode_row *find_row(const struct door_facts *door, const struct id *id)
{
    for (size_t i = 0; i < door->n_modes; i++)
        if (id_equal(&door->modes[i].id, id))
            return &door->modes[i];
    return NULL;
}

bool mode_latch_counts(const struct door_facts *door, const struct latch *latch,
                       struct holiday_list holidays, struct moment now)
{
    const struct mode_row *row = find_row(door, &latch->row);
    return row && row->fingerprint == latch->fingerprint && now.wall.s < latch->until &&
           mode_row_in_force(door, row, holidays, now);
}

/* What a row that is in force asks for now, given what reads have made of it. */
static enum mode_wish wish_now(const struct mode_row *row, const struct door_situation *situation,
                               int64_t now_s)
{
    for (size_t i = 0; i < situation->n_latches; i++) {
        const struct latch *latch = &situation->latches[i];
        if (!id_equal(&latch->row, &row->id) || latch->fingerprint != row->fingerprint ||
            now_s >= latch->until)
            continue;
        return latch->kind == LATCH_ENDED ? WISH_LOCKED : WISH_UNLOCKED;
    }
    return row->wish;
}

/* --- tiers ----------------------------------------------------------------------- */

static enum door_mode mode_of(enum mode_wish wish)
{
    switch (wish) {
    case WISH_UNLOCKED: return MODE_UNLOCKED;
    case WISH_FIRST_CREDENTIAL: return MODE_FIRST_CREDENTIAL;
    case WISH_LOCKED: return MODE_LOCKED;
    case WISH_LOCKED_DOWN: return MODE_LOCKED_DOWN;
    }
    return MODE_LOCKED;
}

/* The rows in force of one_time or routine; the most restrictive wins. */
static bool look_at_tier(struct mode_view *view, enum mode_tier tier,
                         const struct door_facts *door, const struct door_situation *situation,
                         struct holiday_list holidays, const struct moment *now)
{
    enum mode_wish most = WISH_UNLOCKED;
    bool may_end = true;
    size_t n = 0;
    for (size_t i = 0; i < door->n_modes; i++) {
        const struct mode_row *row = &door->modes[i];
        if (row->tier != tier || !mode_row_in_force(door, row, holidays, *now))
            continue;
        enum mode_wish wish = wish_now(row, situation, now->wall.s);
        most = wish > most ? wish : most;
        may_end = may_end && row->allow_manual_end && n < MODE_ROWS_MAX;
        if (n < MODE_ROWS_MAX)
            view->rows[n] = row;
        n++;
    }
    if (n == 0)
        return false;
    view->is_by_rows = true;
    view->n_rows = n < MODE_ROWS_MAX ? n : MODE_ROWS_MAX;
    view->mode = mode_of(most);
    view->can_end = view->mode == MODE_UNLOCKED && may_end;
    return true;
}

/* The newest quick row in force; a restore outweighs those up to its own time. */
static const struct mode_row *newest_quick(const struct door_facts *door,
                                           const struct local_state *local,
                                           struct holiday_list holidays, const struct moment *now)
{
    const struct mode_row *newest = NULL;
    for (size_t i = 0; i < door->n_modes; i++) {
        const struct mode_row *row = &door->modes[i];
        if (row->tier != TIER_QUICK || !mode_row_in_force(door, row, holidays, *now))
            continue;
        if (local->restored_at != INSTANT_NONE && row->at <= local->restored_at)
            continue;
        if (!newest || row->at >= newest->at) /* rows come in order of id: the highest of equals */
            newest = row;
    }
    return newest;
}

/* Without trust in the clock an end that cannot be seen to come has come for what
 * opens, and not for what locks. */
static bool is_local_in_force(const struct local_state *local, struct wall now)
{
    if (local->mode == LOCAL_NONE)
        return false;
    if (local->until == INSTANT_NONE)
        return true;
    if (!wall_is_trusted(now))
        return local->mode == LOCAL_LOCKED;
    return now.s < local->until;
}

static bool look_at_quick(struct mode_view *view, const struct door_facts *door,
                          const struct door_situation *situation, struct holiday_list holidays,
                          const struct moment *now)
{
    const struct local_state *local = &situation->local;
    const struct mode_row *row = newest_quick(door, local, holidays, now);
    if (is_local_in_force(local, now->wall) && (!row || local->at >= row->at)) {
        view->mode = local->mode == LOCAL_UNLOCKED ? MODE_UNLOCKED : MODE_LOCKED;
        return true;
    }
    if (!row)
        return false;
    view->is_by_rows = true;
    view->n_rows = 1;
    view->rows[0] = row;
    view->mode = mode_of(wish_now(row, situation, now->wall.s));
    view->can_end = view->mode == MODE_UNLOCKED && row->allow_manual_end;
    return true;
}

static enum door_mode maintenance_mode(const struct door_facts *door)
{
    switch (door->door.maintenance) {
    case MAINTENANCE_FORCE_OPEN: return MODE_UNLOCKED;
    case MAINTENANCE_FORCE_CLOSED: return MODE_FORCED_CLOSED;
    case MAINTENANCE_NORMAL: break;
    }
    return door->rules.is_set && door->rules.block ? MODE_BLOCKED : MODE_LOCKED;
}

struct mode_view mode_look(const struct door_facts *door, const struct door_situation *situation,
                           struct holiday_list holidays, struct moment now)
{
    enum door_mode maintenance = maintenance_mode(door);
    struct mode_view view = {
        .mode = MODE_LOCKED,
        .beneath_lockdown = maintenance == MODE_UNLOCKED ? MODE_LOCKED : maintenance,
        .is_lockdown = door->is_lockdown || situation->local.is_lockdown,
        .by_one_time = is_one_time(door, &now, false),
    };
    if (situation->is_fire && door->door.fire_release)
        view.mode = MODE_UNLOCKED;
    else if (view.is_lockdown)
        view.mode = MODE_LOCKED_DOWN;
    else if (maintenance != MODE_LOCKED)
        view.mode = maintenance;
    else if (!look_at_quick(&view, door, situation, holidays, &now) &&
             !look_at_tier(&view, TIER_ONE_TIME, door, situation, holidays, &now))
        (void)look_at_tier(&view, TIER_ROUTINE, door, situation, holidays, &now);
    return view;
}
