/* Local time without a time zone database: a view of one zone around now.
 *
 * The shell looks the zone up in the system's database and hands over the few
 * spans of constant offset that cover the time that matters. */
#ifndef GATEHOUSE_CORE_LOCALTIME_H
#define GATEHOUSE_CORE_LOCALTIME_H

#include <stdbool.h>
#include <stdint.h>

#define ZONE_SPANS_MAX 8
/* How far a view must reach on both sides of the instant it was made for. */
#define ZONE_REACH_S (3 * 86400)

/* From this instant on (until the next span's) local = UTC + offset. */
struct zone_span {
    int64_t from;     /* instant; the first span's counts as minus infinity */
    int32_t offset_s; /* -93600..93600 */
};

struct zone_view {
    int n; /* 1..ZONE_SPANS_MAX; 0 = zone unknown */
    struct zone_span span[ZONE_SPANS_MAX];
};

/* A moment on a wall clock. */
struct local_time {
    int64_t day;    /* days since 1970-01-01, local */
    int second;     /* of the local day, 0..86399 */
    int weekday;    /* 0 = Monday .. 6 = Sunday */
};

/* The wall clock of the zone at an instant inside the view. A view with n = 0
 * counts as UTC; callers check it first. */
struct local_time local_time_at(const struct zone_view *zone, int64_t instant);

/* The first instant at which the zone's wall clock shows this second of this
 * local day or a later one: where the clock springs over it, the moment after
 * the gap; where it shows it twice, the first time. The zone is known. */
int64_t local_instant(const struct zone_view *zone, int64_t day, int second);

#endif
