#include "core/holiday.h"

/* Month and day as one number that sorts as the calendar does. */
static int month_day(struct date d)
{
    return d.month * 100 + d.day;
}

/* The range as it lies in a year from its own on: it begins in that year, and a
 * range over New Year ends in the next. A 29 February that the year has not
 * simply never comes. */
static bool covers_yearly(const struct policy_holiday *h, struct date d)
{
    int from = month_day(h->from), to = month_day(h->to), at = month_day(d);
    if (h->from.year == h->to.year)
        return d.year >= h->from.year && at >= from && at <= to;
    /* The year's own start, or the end of what began the year before. */
    return (d.year >= h->from.year && at >= from) || (d.year > h->from.year && at <= to);
}

static bool covers(const struct policy_holiday *h, struct date d, int64_t day)
{
    if (h->yearly)
        return covers_yearly(h, d);
    return day >= date_to_day(h->from) && day <= date_to_day(h->to);
}

static bool is_working(const struct policy_holiday *h, int second)
{
    for (size_t i = 0; i < h->n_working; i++)
        if (second >= h->working[i].start_min * 60 && second < h->working[i].end_min * 60)
            return true;
    return false;
}

struct holiday_view holiday_look(const struct policy_holiday *rows, size_t n,
                                 const struct id *calendar, struct local_time t)
{
    struct holiday_view view = {false, false};
    struct date d = date_of_day(t.day);
    for (size_t i = 0; i < n; i++) {
        if (!id_equal(&rows[i].calendar, calendar) || !covers(&rows[i], d, t.day))
            continue;
        view.is_holiday = true;
        view.is_working = view.is_working || is_working(&rows[i], t.second);
    }
    return view;
}
