#include "core/localtime.h"

#define DAY_S 86400

static int32_t offset_at(const struct zone_view *zone, int64_t instant)
{
    if (zone->n == 0)
        return 0;
    int i = 0;
    while (i + 1 < zone->n && zone->span[i + 1].from <= instant)
        i++;
    return zone->span[i].offset_s;
}

struct local_time local_time_at(const struct zone_view *zone, int64_t instant)
{
    int64_t local = instant + offset_at(zone, instant);
    int64_t day = local / DAY_S;
    int64_t second = local % DAY_S;
    if (second < 0) {
        second += DAY_S;
        day--;
    }
    /* 1970-01-01 was a Thursday. */
    int64_t weekday = (day + 3) % 7;
    if (weekday < 0)
        weekday += 7;
    return (struct local_time){.day = day, .second = (int)second, .weekday = (int)weekday};
}

int64_t local_instant(const struct zone_view *zone, int64_t day, int second)
{
    int64_t local = day * DAY_S + second;
    for (int i = 0; i < zone->n; i++) {
        int64_t at = local - zone->span[i].offset_s;
        if (i > 0 && at < zone->span[i].from)
            at = zone->span[i].from;
        if (i + 1 == zone->n || at < zone->span[i + 1].from)
            return at;
    }
    return local;
}
