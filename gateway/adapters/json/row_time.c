/* The fields of schedule and holiday. */
#include "row_tables.h"
#include "strict.h"

bool row_minute_parse(const json_t *v, int *out)
{
    struct slice t = strict_text(v);
    if (t.len != 5 || t.ptr[2] != ':')
        return false;
    for (size_t i = 0; i < 5; i++)
        if (i != 2 && (t.ptr[i] < '0' || t.ptr[i] > '9'))
            return false;
    int hour = (t.ptr[0] - '0') * 10 + t.ptr[1] - '0';
    int minute = (t.ptr[3] - '0') * 10 + t.ptr[4] - '0';
    *out = hour * 60 + minute;
    return minute <= 59 && *out <= 24 * 60;
}

/* --- schedule -------------------------------------------------------------- */

static bool parse_days(const json_t *v, uint8_t *out)
{
    static const char *const names[7] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    *out = 0;
    for (size_t i = 0; i < json_array_size(v); i++) {
        struct slice name = strict_text(json_array_get(v, i));
        int day = 0;
        while (day < 7 && !slice_is(name, names[day]))
            day++;
        if (day == 7)
            return false;
        *out |= (uint8_t)(1u << day);
    }
    return *out != 0;
}

static enum gh_err parse_window(struct row_reader *r, const struct field *f, size_t number,
                                const json_t *v, struct schedule_window *out)
{
    int start, end;
    if (!parse_days(json_object_get(v, "days"), &out->days))
        return row_refuse(r, f, "window %zu: days must list some of mon to sun", number);
    if (!row_minute_parse(json_object_get(v, "start"), &start) || start == 24 * 60)
        return row_refuse(r, f, "window %zu: start must be HH:MM, 00:00 to 23:59", number);
    if (!row_minute_parse(json_object_get(v, "end"), &end))
        return row_refuse(r, f, "window %zu: end must be HH:MM, 00:00 to 24:00", number);
    if (start == end)
        return row_refuse(r, f, "window %zu: start and end are equal", number);
    out->start_min = (uint16_t)start;
    /* Over midnight and over at once: the same as to the end of the day. */
    out->end_min = (uint16_t)(end == 0 ? 24 * 60 : end);
    return GH_OK;
}

static enum gh_err parse_windows(struct row_reader *r, const struct field *f, const json_t *v,
                                 void *at)
{
    struct policy_schedule *schedule = at;
    size_t n = json_array_size(v);
    if (!field_is_absent(v) && !json_is_array(v))
        return row_refuse(r, f, "must be a list of windows {days, start, end}");
    if (n > POLICY_WINDOWS_MAX)
        return row_refuse(r, f, "has %zu windows: at most %d are allowed", n, POLICY_WINDOWS_MAX);
    if (n == 0)
        return GH_OK;
    struct schedule_window *windows = arena_take(r->arena, n, sizeof *windows);
    if (!windows)
        return GH_FULL;
    for (size_t i = 0; i < n; i++) {
        enum gh_err err = parse_window(r, f, i + 1, json_array_get(v, i), &windows[i]);
        if (err)
            return err;
    }
    schedule->windows = windows;
    schedule->n_windows = n;
    return GH_OK;
}

static const struct field schedule_fields[] = {
    {FIELD("windows", parse_windows), KEPT_WHOLE},
};

const struct row_table row_table_schedule = {.kind = ROW_SCHEDULE, FIELDS(schedule_fields)};

/* --- holiday --------------------------------------------------------------- */

static enum gh_err parse_span(struct row_reader *r, const struct field *f, size_t number,
                              const json_t *v, struct day_span *out)
{
    int start, end;
    if (!row_minute_parse(json_object_get(v, "start"), &start) ||
        !row_minute_parse(json_object_get(v, "end"), &end) || start >= end)
        return row_refuse(r, f,
                          "span %zu: start and end must be HH:MM, end after start, not over "
                          "midnight",
                          number);
    out->start_min = (uint16_t)start;
    out->end_min = (uint16_t)end;
    return GH_OK;
}

static enum gh_err parse_working(struct row_reader *r, const struct field *f, const json_t *v,
                                 void *at)
{
    struct policy_holiday *holiday = at;
    size_t n = json_array_size(v);
    if (!field_is_absent(v) && !json_is_array(v))
        return row_refuse(r, f, "must be a list of spans {start, end}");
    if (n > POLICY_WORKING_MAX)
        return row_refuse(r, f, "has %zu spans: at most %d are allowed", n, POLICY_WORKING_MAX);
    if (n == 0)
        return GH_OK;
    struct day_span *working = arena_take(r->arena, n, sizeof *working);
    if (!working)
        return GH_FULL;
    for (size_t i = 0; i < n; i++) {
        enum gh_err err = parse_span(r, f, i + 1, json_array_get(v, i), &working[i]);
        if (err)
            return err;
    }
    holiday->working = working;
    holiday->n_working = n;
    return GH_OK;
}

static const struct field holiday_fields[] = {
    {FIELD("name", field_text)},
    {FIELD("calendar", field_calendar), KEPT(policy_holiday, calendar)},
    {FIELD("from", field_date), .required = true, KEPT(policy_holiday, from)},
    {FIELD("to", field_date), KEPT(policy_holiday, to)},
    {FIELD("yearly", field_switch), KEPT(policy_holiday, yearly)},
    {FIELD("working", parse_working), KEPT_WHOLE},
};

static enum gh_err finish_holiday(struct row_reader *r, const json_t *d, struct policy_row *row)
{
    static const struct field to = {.name = "to"};
    struct policy_holiday *h = &row->d.holiday;
    if (field_is_absent(json_object_get(d, "to")))
        h->to = h->from;
    struct date next_year = {h->from.year + 1, h->from.month, h->from.day};
    int64_t from = date_to_day(h->from), until = date_to_day(h->to);
    if (until < from)
        return row_refuse(r, &to, "must not be before \"from\"");
    if (h->yearly && until >= date_to_day(next_year))
        return row_refuse(r, &to, "must be less than a year after \"from\", as it is yearly");
    return GH_OK;
}

const struct row_table row_table_holiday = {
    .kind = ROW_HOLIDAY, FIELDS(holiday_fields), .finish = finish_holiday};
