#include "core/schedule.h"

static bool on_day(const struct schedule_window *w, int weekday)
{
    return (w->days >> weekday) & 1;
}

static bool window_contains(const struct schedule_window *w, struct local_time t)
{
    int start = w->start_min * 60;
    int end = w->end_min * 60;
    if (start < end)
        return on_day(w, t.weekday) && t.second >= start && t.second < end;
    /* Over midnight: tonight's part, or the rest of last night's. */
    int yesterday = (t.weekday + 6) % 7;
    return (on_day(w, t.weekday) && t.second >= start) || (on_day(w, yesterday) && t.second < end);
}

bool schedule_contains(const struct schedule_window *windows, size_t n, struct local_time t)
{
    for (size_t i = 0; i < n; i++)
        if (window_contains(&windows[i], t))
            return true;
    return false;
}

bool schedule_starts_on(const struct schedule_window *windows, size_t n, int weekday)
{
    for (size_t i = 0; i < n; i++)
        if (on_day(&windows[i], weekday))
            return true;
    return false;
}
