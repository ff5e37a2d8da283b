/* When a door's mode may change next. It is enough to name too many instants. */
#include "core/mode.h"

#define DAY_S 86400
#define HORIZON_S (2 * DAY_S)

/* The nearest of the instants that were named, after now. */
struct search {
    int64_t now;
    int64_t next;
};

static void name(struct search *s, int64_t instant)
{
    if (instant != INSTANT_NONE && instant > s->now && instant < s->next)
        s->next = instant;
}

/* Every occurrence of a minute of the wall clock within a span of constant offset. */
static void name_minute(struct search *s, int minute, int32_t offset_s, int64_t from, int64_t until)
{
    int64_t first = (from + offset_s) / DAY_S - 1, last = (until + offset_s) / DAY_S + 1;
    for (int64_t day = first; day <= last; day++) {
        int64_t at = day * DAY_S + minute * 60 - offset_s;
        if (at >= from && at < until)
            name(s, at);
    }
}

static void name_hours(struct search *s, const struct hours *hours, int32_t offset_s, int64_t from,
                       int64_t until)
{
    for (size_t i = 0; i < hours->n; i++) {
        name_minute(s, hours->windows[i].start_min, offset_s, from, until);
        name_minute(s, hours->windows[i].end_min % 1440, offset_s, from, until);
    }
}

int64_t mode_next_change(const struct door_facts *door, const struct door_situation *situation,
                         struct moment now)
{
    struct search s = {.now = now.wall.s, .next = now.wall.s + HORIZON_S};
    const struct zone_view *zone = now.zone;
    for (size_t i = 0; i < door->n_modes; i++) {
        name(&s, door->modes[i].validity.from);
        name(&s, door->modes[i].validity.until);
    }
    for (size_t i = 0; i < situation->n_latches; i++)
        name(&s, situation->latches[i].until);
    if (situation->local.mode != LOCAL_NONE)
        name(&s, situation->local.until);
    if (door->n_modes == 0)
        return s.next;
    for (int i = 0; i < zone->n; i++) {
        int64_t from = i == 0 || zone->span[i].from < s.now ? s.now : zone->span[i].from;
        int64_t until = i + 1 < zone->n && zone->span[i + 1].from < s.next ? zone->span[i + 1].from
                                                                          : s.next;
        if (from >= until)
            continue;
        name(&s, from);
        name_minute(&s, 0, zone->span[i].offset_s, from, until); /* holidays and one_time dates */
        for (size_t r = 0; r < door->n_modes; r++)
            name_hours(&s, &door->modes[r].hours, zone->span[i].offset_s, from, until);
    }
    return s.next;
}
