#include "core/area.h"

#include "core/schedule.h"

/* Days back in which the newest reset is looked for: a zone may skip one. */
#define RESET_DAYS 3

/* The newest reset that is not in the future; INSTANT_NONE if there is none. */
static int64_t newest_reset(const struct area_facts *area, int64_t now_s,
                            const struct zone_view *zone)
{
    int64_t today = local_time_at(zone, now_s).day, newest = INSTANT_NONE;
    for (int64_t day = today; day > today - RESET_DAYS; day--) {
        int64_t at = local_instant(zone, day, area->reset_min * 60);
        if (at <= now_s && at > newest)
            newest = at;
    }
    return newest;
}

int64_t area_lapsed_up_to(const struct area_facts *area, struct wall now,
                          const struct zone_view *site_zone)
{
    int64_t lapsed = INSTANT_NONE;
    if (!wall_is_trusted(now))
        return INSTANT_NONE;
    if (area->timeout_s > 0)
        lapsed = now.s - area->timeout_s;
    if (area->reset_min != RESET_NEVER && site_zone->n > 0) {
        int64_t reset = newest_reset(area, now.s, site_zone);
        if (reset != INSTANT_NONE && reset - 1 > lapsed)
            lapsed = reset - 1;
    }
    return lapsed;
}

struct pass area_pass_now(const struct area_facts *area, struct pass pass, struct wall now,
                          const struct zone_view *site_zone)
{
    int64_t lapsed = area_lapsed_up_to(area, now, site_zone);
    if (lapsed != INSTANT_NONE && pass.at <= lapsed)
        return (struct pass){.side = SIDE_NONE};
    return pass;
}

bool area_is_violation(const struct area_facts *area, struct pass now)
{
    if (area->is_entry)
        return now.side == SIDE_IN;
    return now.side == SIDE_OUT || (now.side == SIDE_NONE && area->exit_without_entry_violates);
}

bool area_is_enforced(const struct area_facts *area, struct wall now,
                      const struct zone_view *site_zone)
{
    if (area->antipassback == ANTIPASSBACK_OFF)
        return false;
    if (!area->schedule.is_set || !wall_is_trusted(now) || site_zone->n == 0)
        return true;
    return schedule_contains(area->schedule.windows, area->schedule.n,
                             local_time_at(site_zone, now.s));
}

bool area_is_kept(const struct area_facts *area)
{
    return area->antipassback != ANTIPASSBACK_OFF || area->max_occupancy != OCCUPANCY_UNLIMITED;
}
